Sun Mar  1 06:00:00 2026 Info: Begin Logfile
Sun Mar  1 06:00:00 2026 Info: Version: 14.2.1-015 SN: 564D8F9E0D1C2B3A4958-67564534231F
Sun Mar  1 06:00:00 2026 Info: Time offset from UTC: -18000 seconds
Sun Mar  1 06:20:57 2026 Info: New SMTP ICID 884223 interface IncomingMail (203.0.113.10) address 203.0.113.141 reverse dns host relay.mail.example.net verified yes
Sun Mar  1 06:20:57 2026 Info: ICID 884223 ACCEPT SG UNKNOWNLIST match sbrs[-1.0:10.0] SBRS None country not enabled
Sun Mar  1 06:20:58 2026 Info: ICID 884223 TLS success protocol TLSv1.3 cipher TLS_AES_256_GCM_SHA384
Sun Mar  1 06:20:59 2026 Info: Start MID 640113 ICID 884223
Sun Mar  1 06:20:59 2026 Info: MID 640113 ICID 884223 From: <info@mail.example.net>
Sun Mar  1 06:20:59 2026 Info: MID 640113 ICID 884223 RID 0 To: <a.bianchi@example.com>
Sun Mar  1 06:21:00 2026 Info: MID 640113 Message-ID '<376284a9fe3dfc4b@mail.example.net>'
Sun Mar  1 06:21:00 2026 Info: MID 640113 Subject 'Invoice 8841'
Sun Mar  1 06:21:00 2026 Info: MID 640113 ready 17278 bytes from <info@mail.example.net>
Sun Mar  1 06:21:00 2026 Info: MID 640113 matched all recipients for per-recipient policy DEFAULT in the inbound table
Sun Mar  1 06:21:01 2026 Info: MID 640113 interim verdict using engine: CASE spam negative
Sun Mar  1 06:21:01 2026 Info: MID 640113 using engine: CASE spam negative
Sun Mar  1 06:21:01 2026 Info: MID 640113 interim AV verdict using Sophos CLEAN
Sun Mar  1 06:21:01 2026 Info: MID 640113 antivirus negative
Sun Mar  1 06:21:02 2026 Info: MID 640113 queued for delivery
Sun Mar  1 06:21:03 2026 Info: New SMTP DCID 97213 interface 203.0.113.10 address 203.0.113.25 port 25
Sun Mar  1 06:21:03 2026 Info: DCID 97213 TLS success protocol TLSv1.2 cipher ECDHE-RSA-AES256-GCM-SHA384
Sun Mar  1 06:21:03 2026 Info: Delivery start DCID 97213 MID 640113 to RID [0]
Sun Mar  1 06:21:04 2026 Info: Message done DCID 97213 MID 640113 to RID [0]
Sun Mar  1 06:21:04 2026 Info: MID 640113 RID [0] Response 'Ok: queued as 4188CF9063'
Sun Mar  1 06:21:04 2026 Info: Message finished MID 640113 done
Sun Mar  1 06:21:05 2026 Info: ICID 884223 close
Sun Mar  1 06:21:09 2026 Info: DCID 97213 close
Sun Mar  1 06:45:33 2026 Info: New SMTP ICID 884224 interface IncomingMail (203.0.113.10) address 198.51.100.142 reverse dns host smtp.example.edu verified yes
Sun Mar  1 06:45:33 2026 Info: ICID 884224 ACCEPT SG UNKNOWNLIST match sbrs[-1.0:10.0] SBRS 5.1 country France
Sun Mar  1 06:45:34 2026 Info: ICID 884224 TLS success protocol TLSv1.3 cipher TLS_AES_256_GCM_SHA384
Sun Mar  1 06:45:35 2026 Info: Start MID 640114 ICID 884224
Sun Mar  1 06:45:35 2026 Info: MID 640114 ICID 884224 From: <orders@example.edu>
Sun Mar  1 06:45:35 2026 Info: MID 640114 ICID 884224 RID 0 To: <m.rossi@example.com>
Sun Mar  1 06:45:36 2026 Info: MID 640114 Message-ID '<9e525384784f5734@example.edu>'
Sun Mar  1 06:45:36 2026 Info: MID 640114 Subject 'Re: offer 2026-114'
Sun Mar  1 06:45:36 2026 Info: MID 640114 ready 77942 bytes from <orders@example.edu>
Sun Mar  1 06:45:36 2026 Info: MID 640114 matched all recipients for per-recipient policy DEFAULT in the inbound table
Sun Mar  1 06:45:37 2026 Info: MID 640114 interim verdict using engine: CASE spam negative
Sun Mar  1 06:45:37 2026 Info: MID 640114 using engine: CASE spam negative
Sun Mar  1 06:45:37 2026 Info: MID 640114 interim AV verdict using Sophos CLEAN
Sun Mar  1 06:45:37 2026 Info: MID 640114 antivirus negative
Sun Mar  1 06:45:38 2026 Info: MID 640114 queued for delivery
Sun Mar  1 06:45:39 2026 Info: New SMTP DCID 97214 interface 203.0.113.10 address 203.0.113.25 port 25
Sun Mar  1 06:45:39 2026 Info: DCID 97214 TLS success protocol TLSv1.2 cipher ECDHE-RSA-AES256-GCM-SHA384
Sun Mar  1 06:45:39 2026 Info: Delivery start DCID 97214 MID 640114 to RID [0]
Sun Mar  1 06:45:40 2026 Info: Message done DCID 97214 MID 640114 to RID [0]
Sun Mar  1 06:45:40 2026 Info: MID 640114 RID [0] Response 'Ok: queued as 67352CB3F7'
Sun Mar  1 06:45:40 2026 Info: Message finished MID 640114 done
Sun Mar  1 06:45:41 2026 Info: ICID 884224 close
Sun Mar  1 06:45:45 2026 Info: DCID 97214 close
Sun Mar  1 06:45:47 2026 Info: ICID 0 TCPREFUSE SG BLOCKED match 203.0.113.222 SBRS -9.3 country not applicable
Sun Mar  1 06:57:15 2026 Info: New SMTP ICID 884225 interface IncomingMail (203.0.113.10) address 203.0.113.140 reverse dns host out.example.net verified yes
Sun Mar  1 06:57:15 2026 Info: ICID 884225 ACCEPT SG UNKNOWNLIST match sbrs[-1.0:10.0] SBRS 3.5 country United States
Sun Mar  1 06:57:16 2026 Info: ICID 884225 TLS success protocol TLSv1.3 cipher TLS_AES_256_GCM_SHA384
Sun Mar  1 06:57:17 2026 Info: Start MID 640115 ICID 884225
Sun Mar  1 06:57:17 2026 Info: MID 640115 ICID 884225 From: <paul@example.net>
Sun Mar  1 06:57:17 2026 Info: MID 640115 ICID 884225 RID 0 To: <e.marino@example.com>
Sun Mar  1 06:57:18 2026 Info: MID 640115 Message-ID '<c0f49d5734053ac4@example.net>'
Sun Mar  1 06:57:18 2026 Info: MID 640115 Subject 'Minutes of Friday'
Sun Mar  1 06:57:18 2026 Info: MID 640115 ready 28693 bytes from <paul@example.net>
Sun Mar  1 06:57:18 2026 Info: MID 640115 matched all recipients for per-recipient policy DEFAULT in the inbound table
Sun Mar  1 06:57:19 2026 Info: MID 640115 interim verdict using engine: CASE spam negative
Sun Mar  1 06:57:19 2026 Info: MID 640115 using engine: CASE spam negative
Sun Mar  1 06:57:19 2026 Info: MID 640115 interim AV verdict using Sophos CLEAN
Sun Mar  1 06:57:19 2026 Info: MID 640115 antivirus negative
Sun Mar  1 06:57:20 2026 Info: MID 640115 queued for delivery
Sun Mar  1 06:57:21 2026 Info: New SMTP DCID 97215 interface 203.0.113.10 address 203.0.113.25 port 25
Sun Mar  1 06:57:21 2026 Info: DCID 97215 TLS success protocol TLSv1.2 cipher ECDHE-RSA-AES256-GCM-SHA384
Sun Mar  1 06:57:21 2026 Info: Delivery start DCID 97215 MID 640115 to RID [0]
Sun Mar  1 06:57:22 2026 Info: Message done DCID 97215 MID 640115 to RID [0]
Sun Mar  1 06:57:22 2026 Info: MID 640115 RID [0] Response 'Ok: queued as A27D7013D0'
Sun Mar  1 06:57:22 2026 Info: Message finished MID 640115 done
Sun Mar  1 06:57:23 2026 Info: ICID 884225 close
Sun Mar  1 06:57:27 2026 Info: DCID 97215 close
Sun Mar  1 07:02:10 2026 Info: New SMTP ICID 884226 interface Data 2 (203.0.113.11) address 198.51.100.26 reverse dns host unknown verified no
Sun Mar  1 07:02:10 2026 Info: ICID 884226 ACCEPT SG SUBMISSION match ALL SBRS None country United States
Sun Mar  1 07:02:11 2026 Info: ICID 884226 TLS success protocol TLSv1.2 cipher ECDHE-RSA-AES256-GCM-SHA384
Sun Mar  1 07:02:22 2026 Warning: SMTP Auth (ICID 884226) LDAP query/user lookup failed for user: e.marino@example.com
Sun Mar  1 07:02:23 2026 Info: ICID 884226 close
Sun Mar  1 07:05:31 2026 Info: New SMTP ICID 884227 interface Data 2 (203.0.113.11) address 198.51.100.26 reverse dns host unknown verified no
Sun Mar  1 07:05:31 2026 Info: ICID 884227 ACCEPT SG SUBMISSION match ALL SBRS None country United States
Sun Mar  1 07:05:32 2026 Info: ICID 884227 TLS success protocol TLSv1.2 cipher ECDHE-RSA-AES256-GCM-SHA384
Sun Mar  1 07:05:33 2026 Info: SMTP Auth: (ICID 884227) succeeded for user: e.marino@example.com using AUTH mechanism: LOGIN with profile: LDAP_Auth
Sun Mar  1 07:05:34 2026 Info: Start MID 640116 ICID 884227
Sun Mar  1 07:05:34 2026 Info: MID 640116 ICID 884227 From: <e.marino@example.com>
Sun Mar  1 07:05:34 2026 Info: MID 640116 ICID 884227 RID 0 To: <sales@example.net>
Sun Mar  1 07:05:35 2026 Info: MID 640116 Message-ID '<3fbfa56740fcb56c@example.com>'
Sun Mar  1 07:05:35 2026 Info: MID 640116 Subject 'Re: Re: visit in April'
Sun Mar  1 07:05:35 2026 Info: MID 640116 ready 62677 bytes from <e.marino@example.com>
Sun Mar  1 07:05:35 2026 Info: MID 640116 matched all recipients for per-recipient policy DEFAULT in the outbound table
Sun Mar  1 07:05:36 2026 Info: MID 640116 antivirus negative
Sun Mar  1 07:05:37 2026 Info: MID 640116 queued for delivery
Sun Mar  1 07:05:38 2026 Info: New SMTP DCID 97216 interface 203.0.113.10 address 198.51.100.140 port 25
Sun Mar  1 07:05:38 2026 Info: DCID 97216 TLS success protocol TLSv1.2 cipher ECDHE-RSA-AES256-GCM-SHA384
Sun Mar  1 07:05:38 2026 Info: Delivery start DCID 97216 MID 640116 to RID [0]
Sun Mar  1 07:05:39 2026 Info: Message done DCID 97216 MID 640116 to RID [0]
Sun Mar  1 07:05:39 2026 Info: MID 640116 RID [0] Response 'Ok: queued as 441CD06620'
Sun Mar  1 07:05:39 2026 Info: Message finished MID 640116 done
Sun Mar  1 07:05:44 2026 Info: DCID 97216 close
Sun Mar  1 07:05:46 2026 Info: ICID 884227 close
Sun Mar  1 07:13:31 2026 Info: New SMTP ICID 884228 interface IncomingMail (203.0.113.10) address 203.0.113.242 reverse dns host unknown verified no
Sun Mar  1 07:13:31 2026 Info: ICID 884228 REJECT SG BLOCKLIST match sbrs[-10.0:-3.0] SBRS -5.3 country not applicable
Sun Mar  1 07:13:32 2026 Info: ICID 884228 close
Sun Mar  1 07:27:20 2026 Info: New SMTP ICID 884229 interface IncomingMail (203.0.113.10) address 203.0.113.141 reverse dns host relay.mail.example.net verified yes
Sun Mar  1 07:27:20 2026 Info: ICID 884229 ACCEPT SG UNKNOWNLIST match sbrs[-1.0:10.0] SBRS None country not enabled
Sun Mar  1 07:27:21 2026 Info: ICID 884229 TLS success protocol TLSv1.3 cipher TLS_AES_256_GCM_SHA384
Sun Mar  1 07:27:22 2026 Info: Start MID 640117 ICID 884229
Sun Mar  1 07:27:22 2026 Info: MID 640117 ICID 884229 From: <info@mail.example.net>
Sun Mar  1 07:27:22 2026 Info: MID 640117 ICID 884229 RID 0 To: <f.gallo@example.com>
Sun Mar  1 07:27:23 2026 Info: MID 640117 Message-ID '<d8db47890ad13548@mail.example.net>'
Sun Mar  1 07:27:23 2026 Info: MID 640117 Subject 'Lunch?'
Sun Mar  1 07:27:23 2026 Info: MID 640117 ready 38502 bytes from <info@mail.example.net>
Sun Mar  1 07:27:23 2026 Info: MID 640117 matched all recipients for per-recipient policy DEFAULT in the inbound table
Sun Mar  1 07:27:24 2026 Info: MID 640117 interim verdict using engine: CASE spam negative
Sun Mar  1 07:27:24 2026 Info: MID 640117 using engine: CASE spam negative
Sun Mar  1 07:27:24 2026 Info: MID 640117 interim AV verdict using Sophos CLEAN
Sun Mar  1 07:27:24 2026 Info: MID 640117 antivirus negative
Sun Mar  1 07:27:25 2026 Info: MID 640117 queued for delivery
Sun Mar  1 07:27:26 2026 Info: New SMTP DCID 97217 interface 203.0.113.10 address 203.0.113.25 port 25
Sun Mar  1 07:27:26 2026 Info: DCID 97217 TLS success protocol TLSv1.2 cipher ECDHE-RSA-AES256-GCM-SHA384
Sun Mar  1 07:27:26 2026 Info: Delivery start DCID 97217 MID 640117 to RID [0]
Sun Mar  1 07:27:27 2026 Info: Message done DCID 97217 MID 640117 to RID [0]
Sun Mar  1 07:27:27 2026 Info: MID 640117 RID [0] Response 'Ok: queued as B37C9A68B5'
Sun Mar  1 07:27:27 2026 Info: Message finished MID 640117 done
Sun Mar  1 07:27:28 2026 Info: ICID 884229 close
Sun Mar  1 07:27:32 2026 Info: DCID 97217 close
Sun Mar  1 07:44:09 2026 Info: New SMTP ICID 884230 interface Data 2 (203.0.113.11) address 198.51.100.27 reverse dns host unknown verified no
Sun Mar  1 07:44:09 2026 Info: ICID 884230 ACCEPT SG SUBMISSION match ALL SBRS None country United States
Sun Mar  1 07:44:10 2026 Info: ICID 884230 TLS success protocol TLSv1.3 cipher TLS_AES_256_GCM_SHA384
Sun Mar  1 07:44:11 2026 Info: SMTP Auth: (ICID 884230) succeeded for user: f.gallo@example.com using AUTH mechanism: PLAIN with profile: LDAP_Auth
Sun Mar  1 07:44:12 2026 Info: Start MID 640118 ICID 884230
Sun Mar  1 07:44:12 2026 Info: MID 640118 ICID 884230 From: <f.gallo@example.com>
Sun Mar  1 07:44:12 2026 Info: MID 640118 ICID 884230 RID 0 To: <orders@example.net>
Sun Mar  1 07:44:13 2026 Info: MID 640118 Message-ID '<cfc29c70a1ca31d6@example.com>'
Sun Mar  1 07:44:13 2026 Info: MID 640118 Subject 'Minutes of Friday'
Sun Mar  1 07:44:13 2026 Info: MID 640118 ready 30024 bytes from <f.gallo@example.com>
Sun Mar  1 07:44:13 2026 Info: MID 640118 matched all recipients for per-recipient policy DEFAULT in the outbound table
Sun Mar  1 07:44:14 2026 Info: MID 640118 antivirus negative
Sun Mar  1 07:44:15 2026 Info: MID 640118 queued for delivery
Sun Mar  1 07:44:16 2026 Info: New SMTP DCID 97218 interface 203.0.113.10 address 198.51.100.141 port 25
Sun Mar  1 07:44:16 2026 Info: DCID 97218 TLS success protocol TLSv1.2 cipher ECDHE-RSA-AES256-GCM-SHA384
Sun Mar  1 07:44:16 2026 Info: Delivery start DCID 97218 MID 640118 to RID [0]
Sun Mar  1 07:44:17 2026 Info: Message done DCID 97218 MID 640118 to RID [0]
Sun Mar  1 07:44:17 2026 Info: MID 640118 RID [0] Response 'Ok: queued as A9D8AC432E'
Sun Mar  1 07:44:17 2026 Info: Message finished MID 640118 done
Sun Mar  1 07:44:22 2026 Info: DCID 97218 close
Sun Mar  1 07:44:32 2026 Info: Start MID 640119 ICID 884230
Sun Mar  1 07:44:32 2026 Info: MID 640119 ICID 884230 From: <f.gallo@example.com>
Sun Mar  1 07:44:32 2026 Info: MID 640119 ICID 884230 RID 0 To: <paul@example.net>
Sun Mar  1 07:44:33 2026 Info: MID 640119 Message-ID '<57a051c85aecf035@example.com>'
Sun Mar  1 07:44:33 2026 Info: MID 640119 Subject 'Re: Re: visit in April'
Sun Mar  1 07:44:33 2026 Info: MID 640119 ready 20129 bytes from <f.gallo@example.com>
Sun Mar  1 07:44:33 2026 Info: MID 640119 matched all recipients for per-recipient policy DEFAULT in the outbound table
Sun Mar  1 07:44:34 2026 Info: MID 640119 antivirus negative
Sun Mar  1 07:44:35 2026 Info: MID 640119 queued for delivery
Sun Mar  1 07:44:36 2026 Info: New SMTP DCID 97219 interface 203.0.113.10 address 198.51.100.141 port 25
Sun Mar  1 07:44:36 2026 Info: DCID 97219 TLS success protocol TLSv1.2 cipher ECDHE-RSA-AES256-GCM-SHA384
Sun Mar  1 07:44:36 2026 Info: Delivery start DCID 97219 MID 640119 to RID [0]
Sun Mar  1 07:44:37 2026 Info: Message done DCID 97219 MID 640119 to RID [0]
Sun Mar  1 07:44:37 2026 Info: MID 640119 RID [0] Response 'Ok: queued as F8DD261CB5'
Sun Mar  1 07:44:37 2026 Info: Message finished MID 640119 done
Sun Mar  1 07:44:40 2026 Info: ICID 884230 close
Sun Mar  1 07:44:42 2026 Info: DCID 97219 close
Sun Mar  1 07:49:28 2026 Info: New SMTP ICID 884231 interface IncomingMail (203.0.113.10) address 203.0.113.244 reverse dns host unknown verified no
Sun Mar  1 07:49:28 2026 Info: ICID 884231 REJECT SG BLOCKLIST match sbrs[-10.0:-3.0] SBRS -4.4 country not applicable
Sun Mar  1 07:49:29 2026 Info: ICID 884231 close
Sun Mar  1 08:10:25 2026 Info: New SMTP ICID 884232 interface IncomingMail (203.0.113.10) address 203.0.113.211 reverse dns host unknown verified no
Sun Mar  1 08:10:25 2026 Info: ICID 884232 REJECT SG BLOCKLIST match sbrs[-10.0:-3.0] SBRS -7.7 country not applicable
Sun Mar  1 08:10:26 2026 Info: ICID 884232 close
Sun Mar  1 08:33:33 2026 Info: New SMTP ICID 884233 interface Data 2 (203.0.113.11) address 203.0.113.91 reverse dns host unknown verified no
Sun Mar  1 08:33:33 2026 Info: ICID 884233 ACCEPT SG SUBMISSION match ALL SBRS None country not enabled
Sun Mar  1 08:33:35 2026 Info: SMTP Auth: (ICID 884233) failed for user: admin@example.com using AUTH mechanism: PLAIN with profile: LDAP_Auth ‮moc.elpmaxe using AUTH mechanism: LOGIN with profile: LDAP_Auth
Sun Mar  1 08:33:37 2026 Info: ICID 884233 close
Sun Mar  1 08:44:30 2026 Info: New SMTP ICID 884234 interface IncomingMail (203.0.113.10) address 203.0.113.217 reverse dns host unknown verified no
Sun Mar  1 08:44:30 2026 Info: ICID 884234 REJECT SG BLOCKLIST match sbrs[-10.0:-3.0] SBRS -9.6 country not applicable
Sun Mar  1 08:44:31 2026 Info: ICID 884234 close
Sun Mar  1 09:20:58 2026 Info: New SMTP ICID 884235 interface IncomingMail (203.0.113.10) address 203.0.113.141 reverse dns host relay.mail.example.net verified yes
Sun Mar  1 09:20:58 2026 Info: ICID 884235 ACCEPT SG UNKNOWNLIST match sbrs[-1.0:10.0] SBRS None country not enabled
Sun Mar  1 09:20:59 2026 Info: ICID 884235 TLS success protocol TLSv1.3 cipher TLS_AES_256_GCM_SHA384
Sun Mar  1 09:21:00 2026 Info: Start MID 640120 ICID 884235
Sun Mar  1 09:21:00 2026 Info: MID 640120 ICID 884235 From: <paul@mail.example.net>
Sun Mar  1 09:21:00 2026 Info: MID 640120 ICID 884235 RID 0 To: <s.conti@example.com>
Sun Mar  1 09:21:01 2026 Info: MID 640120 Message-ID '<cb4886d9d6b65e9a@mail.example.net>'
Sun Mar  1 09:21:01 2026 Info: MID 640120 Subject 'Order confirmation'
Sun Mar  1 09:21:01 2026 Info: MID 640120 ready 47400 bytes from <paul@mail.example.net>
Sun Mar  1 09:21:01 2026 Info: MID 640120 matched all recipients for per-recipient policy DEFAULT in the inbound table
Sun Mar  1 09:21:02 2026 Info: MID 640120 interim verdict using engine: CASE spam negative
Sun Mar  1 09:21:02 2026 Info: MID 640120 using engine: CASE spam negative
Sun Mar  1 09:21:02 2026 Info: MID 640120 interim AV verdict using Sophos CLEAN
Sun Mar  1 09:21:02 2026 Info: MID 640120 antivirus negative
Sun Mar  1 09:21:03 2026 Info: MID 640120 queued for delivery
Sun Mar  1 09:21:04 2026 Info: New SMTP DCID 97220 interface 203.0.113.10 address 203.0.113.25 port 25
Sun Mar  1 09:21:04 2026 Info: DCID 97220 TLS success protocol TLSv1.2 cipher ECDHE-RSA-AES256-GCM-SHA384
Sun Mar  1 09:21:04 2026 Info: Delivery start DCID 97220 MID 640120 to RID [0]
Sun Mar  1 09:21:05 2026 Info: Message done DCID 97220 MID 640120 to RID [0]
Sun Mar  1 09:21:05 2026 Info: MID 640120 RID [0] Response 'Ok: queued as 7E82866A08'
Sun Mar  1 09:21:05 2026 Info: Message finished MID 640120 done
Sun Mar  1 09:21:06 2026 Info: ICID 884235 close
Sun Mar  1 09:21:10 2026 Info: DCID 97220 close
Sun Mar  1 09:34:53 2026 Info: New SMTP ICID 884236 interface IncomingMail (203.0.113.10) address 198.51.100.142 reverse dns host smtp.example.edu verified yes
Sun Mar  1 09:34:53 2026 Info: ICID 884236 ACCEPT SG UNKNOWNLIST match sbrs[-1.0:10.0] SBRS 5.1 country France
Sun Mar  1 09:34:54 2026 Info: ICID 884236 TLS success protocol TLSv1.3 cipher TLS_AES_256_GCM_SHA384
Sun Mar  1 09:34:55 2026 Info: Start MID 640121 ICID 884236
Sun Mar  1 09:34:55 2026 Info: MID 640121 ICID 884236 From: <anna@example.edu>
Sun Mar  1 09:34:55 2026 Info: MID 640121 ICID 884236 RID 0 To: <f.gallo@example.com>
Sun Mar  1 09:34:55 2026 Info: New SMTP ICID 884237 interface IncomingMail (203.0.113.10) address 203.0.113.140 reverse dns host out.example.net verified yes
Sun Mar  1 09:34:55 2026 Info: ICID 884237 ACCEPT SG UNKNOWNLIST match sbrs[-1.0:10.0] SBRS 3.5 country United States
Sun Mar  1 09:34:56 2026 Info: MID 640121 Message-ID '<aa7f982063011a3c@example.edu>'
Sun Mar  1 09:34:56 2026 Info: MID 640121 Subject 'Invoice 8841'
Sun Mar  1 09:34:56 2026 Info: MID 640121 ready 11971 bytes from <anna@example.edu>
Sun Mar  1 09:34:56 2026 Info: MID 640121 matched all recipients for per-recipient policy DEFAULT in the inbound table
Sun Mar  1 09:34:57 2026 Info: MID 640121 interim verdict using engine: CASE spam negative
Sun Mar  1 09:34:57 2026 Info: MID 640121 using engine: CASE spam negative
Sun Mar  1 09:34:57 2026 Info: MID 640121 interim AV verdict using Sophos CLEAN
Sun Mar  1 09:34:57 2026 Info: MID 640121 antivirus negative
Sun Mar  1 09:34:57 2026 Info: Start MID 640122 ICID 884237
Sun Mar  1 09:34:57 2026 Info: MID 640122 ICID 884237 From: <news@example.net>
Sun Mar  1 09:34:57 2026 Info: MID 640122 ICID 884237 RID 0 To: <a.bianchi@example.com>
Sun Mar  1 09:34:58 2026 Info: MID 640121 queued for delivery
Sun Mar  1 09:34:58 2026 Info: MID 640122 Message-ID '<0de7f5463c66f18b@example.net>'
Sun Mar  1 09:34:58 2026 Info: MID 640122 Subject 'Re: Re: visit in April'
Sun Mar  1 09:34:58 2026 Info: MID 640122 ready 46136 bytes from <news@example.net>
Sun Mar  1 09:34:58 2026 Info: MID 640122 matched all recipients for per-recipient policy DEFAULT in the inbound table
Sun Mar  1 09:34:59 2026 Info: New SMTP DCID 97221 interface 203.0.113.10 address 203.0.113.25 port 25
Sun Mar  1 09:34:59 2026 Info: DCID 97221 TLS success protocol TLSv1.2 cipher ECDHE-RSA-AES256-GCM-SHA384
Sun Mar  1 09:34:59 2026 Info: Delivery start DCID 97221 MID 640121 to RID [0]
Sun Mar  1 09:34:59 2026 Info: MID 640122 interim verdict using engine: CASE spam negative
Sun Mar  1 09:34:59 2026 Info: MID 640122 using engine: CASE spam negative
Sun Mar  1 09:34:59 2026 Info: MID 640122 interim AV verdict using Sophos CLEAN
Sun Mar  1 09:34:59 2026 Info: MID 640122 antivirus negative
Sun Mar  1 09:35:00 2026 Info: Message done DCID 97221 MID 640121 to RID [0]
Sun Mar  1 09:35:00 2026 Info: MID 640121 RID [0] Response 'Ok: queued as 86A7E08AEC'
Sun Mar  1 09:35:00 2026 Info: Message finished MID 640121 done
Sun Mar  1 09:35:00 2026 Info: MID 640122 queued for delivery
Sun Mar  1 09:35:01 2026 Info: ICID 884236 close
Sun Mar  1 09:35:01 2026 Info: New SMTP DCID 97222 interface 203.0.113.10 address 203.0.113.25 port 25
Sun Mar  1 09:35:01 2026 Info: DCID 97222 TLS success protocol TLSv1.2 cipher ECDHE-RSA-AES256-GCM-SHA384
Sun Mar  1 09:35:01 2026 Info: Delivery start DCID 97222 MID 640122 to RID [0]
Sun Mar  1 09:35:02 2026 Info: Message done DCID 97222 MID 640122 to RID [0]
Sun Mar  1 09:35:02 2026 Info: MID 640122 RID [0] Response 'Ok: queued as 868486846B'
Sun Mar  1 09:35:02 2026 Info: Message finished MID 640122 done
Sun Mar  1 09:35:03 2026 Info: ICID 884237 close
Sun Mar  1 09:35:05 2026 Info: DCID 97221 close
Sun Mar  1 09:35:07 2026 Info: DCID 97222 close
Sun Mar  1 10:00:34 2026 Info: ICID 0 TCPREFUSE SG BLOCKED match 203.0.113.209 SBRS -8.3 country not applicable
Sun Mar  1 10:05:30 2026 Info: New SMTP ICID 884238 interface IncomingMail (203.0.113.10) address 198.51.100.140 reverse dns host mx1.example.org verified yes
Sun Mar  1 10:05:30 2026 Info: ICID 884238 ACCEPT SG UNKNOWNLIST match sbrs[-1.0:10.0] SBRS 4.2 country Germany
Sun Mar  1 10:05:32 2026 Info: Start MID 640123 ICID 884238
Sun Mar  1 10:05:32 2026 Info: MID 640123 ICID 884238 From: <news@example.org>
Sun Mar  1 10:05:32 2026 Info: MID 640123 ICID 884238 RID 0 To: <m.rossi@example.com>
Sun Mar  1 10:05:33 2026 Info: MID 640123 Message-ID '<a1e08047ce80717f@example.org>'
Sun Mar  1 10:05:33 2026 Info: MID 640123 Subject 'Your ticket 30912'
Sun Mar  1 10:05:33 2026 Info: MID 640123 ready 8543 bytes from <news@example.org>
Sun Mar  1 10:05:33 2026 Info: MID 640123 matched all recipients for per-recipient policy DEFAULT in the inbound table
Sun Mar  1 10:05:34 2026 Info: MID 640123 interim verdict using engine: CASE spam negative
Sun Mar  1 10:05:34 2026 Info: MID 640123 using engine: CASE spam negative
Sun Mar  1 10:05:34 2026 Info: MID 640123 interim AV verdict using Sophos CLEAN
Sun Mar  1 10:05:34 2026 Info: MID 640123 antivirus negative
Sun Mar  1 10:05:35 2026 Info: MID 640123 queued for delivery
Sun Mar  1 10:05:36 2026 Info: New SMTP DCID 97223 interface 203.0.113.10 address 203.0.113.25 port 25
Sun Mar  1 10:05:36 2026 Info: DCID 97223 TLS success protocol TLSv1.2 cipher ECDHE-RSA-AES256-GCM-SHA384
Sun Mar  1 10:05:36 2026 Info: Delivery start DCID 97223 MID 640123 to RID [0]
Sun Mar  1 10:05:37 2026 Info: Message done DCID 97223 MID 640123 to RID [0]
Sun Mar  1 10:05:37 2026 Info: MID 640123 RID [0] Response 'Ok: queued as 10D3416FDB'
Sun Mar  1 10:05:37 2026 Info: Message finished MID 640123 done
Sun Mar  1 10:05:38 2026 Info: ICID 884238 close
Sun Mar  1 10:05:42 2026 Info: DCID 97223 close
Sun Mar  1 10:08:31 2026 Info: New SMTP ICID 884239 interface IncomingMail (203.0.113.10) address 198.51.100.140 reverse dns host mx1.example.org verified yes
Sun Mar  1 10:08:31 2026 Info: ICID 884239 ACCEPT SG UNKNOWNLIST match sbrs[-1.0:10.0] SBRS 4.2 country Germany
Sun Mar  1 10:08:33 2026 Info: Start MID 640124 ICID 884239
Sun Mar  1 10:08:33 2026 Info: MID 640124 ICID 884239 From: <orders@example.org>
Sun Mar  1 10:08:33 2026 Info: MID 640124 ICID 884239 RID 0 To: <g.ferrari@example.com>
Sun Mar  1 10:08:34 2026 Info: MID 640124 Message-ID '<500714acf037680d@example.org>'
Sun Mar  1 10:08:34 2026 Info: MID 640124 Subject 'Your ticket 30912'
Sun Mar  1 10:08:34 2026 Info: MID 640124 ready 41532 bytes from <orders@example.org>
Sun Mar  1 10:08:34 2026 Info: MID 640124 matched all recipients for per-recipient policy DEFAULT in the inbound table
Sun Mar  1 10:08:35 2026 Info: MID 640124 interim verdict using engine: CASE spam negative
Sun Mar  1 10:08:35 2026 Info: MID 640124 using engine: CASE spam negative
Sun Mar  1 10:08:35 2026 Info: MID 640124 interim AV verdict using Sophos CLEAN
Sun Mar  1 10:08:35 2026 Info: MID 640124 antivirus negative
Sun Mar  1 10:08:36 2026 Info: MID 640124 queued for delivery
Sun Mar  1 10:08:37 2026 Info: New SMTP DCID 97224 interface 203.0.113.10 address 203.0.113.25 port 25
Sun Mar  1 10:08:37 2026 Info: DCID 97224 TLS success protocol TLSv1.2 cipher ECDHE-RSA-AES256-GCM-SHA384
Sun Mar  1 10:08:37 2026 Info: Delivery start DCID 97224 MID 640124 to RID [0]
Sun Mar  1 10:08:38 2026 Info: Message done DCID 97224 MID 640124 to RID [0]
Sun Mar  1 10:08:38 2026 Info: MID 640124 RID [0] Response 'Ok: queued as E9E8C82DF8'
Sun Mar  1 10:08:38 2026 Info: Message finished MID 640124 done
Sun Mar  1 10:08:39 2026 Info: ICID 884239 close
Sun Mar  1 10:08:43 2026 Info: DCID 97224 close
Sun Mar  1 10:12:11 2026 Info: New SMTP ICID 884240 interface IncomingMail (203.0.113.10) address 203.0.113.226 reverse dns host unknown verified no
Sun Mar  1 10:12:11 2026 Info: ICID 884240 REJECT SG BLOCKLIST match sbrs[-10.0:-3.0] SBRS -9.8 country not applicable
Sun Mar  1 10:12:12 2026 Info: ICID 884240 close
Sun Mar  1 11:10:28 2026 Info: New SMTP ICID 884241 interface Data 2 (203.0.113.11) address 198.51.100.26 reverse dns host unknown verified no
Sun Mar  1 11:10:28 2026 Info: ICID 884241 ACCEPT SG SUBMISSION match ALL SBRS None country United States
Sun Mar  1 11:10:29 2026 Info: ICID 884241 TLS success protocol TLSv1.2 cipher ECDHE-RSA-AES256-GCM-SHA384
Sun Mar  1 11:10:30 2026 Info: SMTP Auth: (ICID 884241) succeeded for user: e.marino@example.com using AUTH mechanism: LOGIN with profile: LDAP_Auth
Sun Mar  1 11:10:31 2026 Info: Start MID 640125 ICID 884241
Sun Mar  1 11:10:31 2026 Info: MID 640125 ICID 884241 From: <e.marino@example.com>
Sun Mar  1 11:10:31 2026 Info: MID 640125 ICID 884241 RID 0 To: <paul@example.net>
Sun Mar  1 11:10:31 2026 Info: MID 640125 ICID 884241 RID 1 To: <orders@example.net>
Sun Mar  1 11:10:32 2026 Info: MID 640125 Message-ID '<3bfc4e72e6c42eb3@example.com>'
Sun Mar  1 11:10:32 2026 Info: MID 640125 Subject 'Invoice 8841'
Sun Mar  1 11:10:32 2026 Info: MID 640125 ready 8648 bytes from <e.marino@example.com>
Sun Mar  1 11:10:32 2026 Info: MID 640125 matched all recipients for per-recipient policy DEFAULT in the outbound table
Sun Mar  1 11:10:33 2026 Info: MID 640125 antivirus negative
Sun Mar  1 11:10:34 2026 Info: MID 640125 queued for delivery
Sun Mar  1 11:10:35 2026 Info: New SMTP DCID 97225 interface 203.0.113.10 address 203.0.113.140 port 25
Sun Mar  1 11:10:35 2026 Info: DCID 97225 TLS success protocol TLSv1.2 cipher ECDHE-RSA-AES256-GCM-SHA384
Sun Mar  1 11:10:35 2026 Info: Delivery start DCID 97225 MID 640125 to RID [0, 1]
Sun Mar  1 11:10:36 2026 Info: Message done DCID 97225 MID 640125 to RID [0, 1]
Sun Mar  1 11:10:36 2026 Info: MID 640125 RID [0, 1] Response 'Ok: queued as F3A6F7C8A7'
Sun Mar  1 11:10:36 2026 Info: Message finished MID 640125 done
Sun Mar  1 11:10:41 2026 Info: DCID 97225 close
Sun Mar  1 11:10:59 2026 Info: ICID 884241 close
Sun Mar  1 12:00:00 2026 Info: End Logfile
