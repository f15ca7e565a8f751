Sun Mar  1 06:00:00 2026 Info: Begin Logfile
Sun Mar  1 06:00:00 2026 Info: Version: 15.0.3-002 SN: 564D1A2B3C4D5E6F7081-92A3B4C5D6E7
Sun Mar  1 06:00:00 2026 Info: Time offset from UTC: 3600 seconds
Sun Mar  1 06:05:49 2026 Info: New SMTP ICID 884201 interface IncomingMail (192.0.2.10) address 198.51.100.142 reverse dns host smtp.example.edu verified yes
Sun Mar  1 06:05:49 2026 Info: ICID 884201 ACCEPT SG UNKNOWNLIST match sbrs[-1.0:10.0] SBRS 5.1 country France
Sun Mar  1 06:05:51 2026 Info: Start MID 1520301 ICID 884201
Sun Mar  1 06:05:51 2026 Info: MID 1520301 ICID 884201 From: <paul@example.edu>
Sun Mar  1 06:05:51 2026 Info: MID 1520301 ICID 884201 RID 0 To: <f.gallo@example.com>
Sun Mar  1 06:05:51 2026 Info: MID 1520301 ICID 884201 RID 1 To: <s.conti@example.com>
Sun Mar  1 06:05:52 2026 Info: MID 1520301 Message-ID '<830c71c2cdcc6929@example.edu>'
Sun Mar  1 06:05:52 2026 Info: MID 1520301 Subject 'Delivery on Tuesday'
Sun Mar  1 06:05:52 2026 Info: MID 1520301 ready 26003 bytes from <paul@example.edu>
Sun Mar  1 06:05:52 2026 Info: MID 1520301 matched all recipients for per-recipient policy DEFAULT in the inbound table
Sun Mar  1 06:05:53 2026 Info: MID 1520301 interim verdict using engine: CASE spam negative
Sun Mar  1 06:05:53 2026 Info: MID 1520301 using engine: CASE spam negative
Sun Mar  1 06:05:53 2026 Info: MID 1520301 interim AV verdict using Sophos CLEAN
Sun Mar  1 06:05:53 2026 Info: MID 1520301 antivirus negative
Sun Mar  1 06:05:54 2026 Info: MID 1520301 queued for delivery
Sun Mar  1 06:05:55 2026 Info: New SMTP DCID 310401 interface 192.0.2.10 address 192.0.2.25 port 25
Sun Mar  1 06:05:55 2026 Info: DCID 310401 TLS success protocol TLSv1.2 cipher ECDHE-RSA-AES256-GCM-SHA384
Sun Mar  1 06:05:55 2026 Info: Delivery start DCID 310401 MID 1520301 to RID [0, 1]
Sun Mar  1 06:05:56 2026 Info: Message done DCID 310401 MID 1520301 to RID [0, 1]
Sun Mar  1 06:05:56 2026 Info: MID 1520301 RID [0, 1] Response 'Ok: queued as A179CB9E86'
Sun Mar  1 06:05:56 2026 Info: Message finished MID 1520301 done
Sun Mar  1 06:05:57 2026 Info: ICID 884201 close
Sun Mar  1 06:06:01 2026 Info: DCID 310401 close
Sun Mar  1 06:17:29 2026 Info: New SMTP ICID 884202 interface IncomingMail (192.0.2.10) address 203.0.113.239 reverse dns host unknown verified no
Sun Mar  1 06:17:29 2026 Info: ICID 884202 REJECT SG BLOCKLIST match sbrs[-10.0:-3.0] SBRS -4.3 country not applicable
Sun Mar  1 06:17:30 2026 Info: ICID 884202 close
Sun Mar  1 06:41:07 2026 Info: New SMTP ICID 884203 interface Submission (192.0.2.11) address 198.51.100.21 reverse dns host unknown verified no
Sun Mar  1 06:41:07 2026 Info: ICID 884203 ACCEPT SG SUBMISSION match ALL SBRS None country Italy
Sun Mar  1 06:41:08 2026 Info: ICID 884203 TLS success protocol TLSv1.3 cipher TLS_AES_256_GCM_SHA384
Sun Mar  1 06:41:09 2026 Info: SMTP Auth: (ICID 884203) succeeded for user: m.rossi@example.com using AUTH mechanism: PLAIN with profile: SmtpAuth
Sun Mar  1 06:41:10 2026 Info: Start MID 1520302 ICID 884203
Sun Mar  1 06:41:10 2026 Info: MID 1520302 ICID 884203 From: <m.rossi@example.com>
Sun Mar  1 06:41:10 2026 Info: MID 1520302 ICID 884203 RID 0 To: <orders@example.net>
Sun Mar  1 06:41:11 2026 Info: MID 1520302 Message-ID '<cf44dd3f89e7d15f@example.com>'
Sun Mar  1 06:41:11 2026 Info: MID 1520302 Subject 'Order confirmation'
Sun Mar  1 06:41:11 2026 Info: MID 1520302 ready 13684 bytes from <m.rossi@example.com>
Sun Mar  1 06:41:11 2026 Info: MID 1520302 matched all recipients for per-recipient policy DEFAULT in the outbound table
Sun Mar  1 06:41:12 2026 Info: MID 1520302 antivirus negative
Sun Mar  1 06:41:13 2026 Info: MID 1520302 queued for delivery
Sun Mar  1 06:41:14 2026 Info: New SMTP DCID 310402 interface 192.0.2.10 address 203.0.113.140 port 25
Sun Mar  1 06:41:14 2026 Info: DCID 310402 TLS success protocol TLSv1.2 cipher ECDHE-RSA-AES256-GCM-SHA384
Sun Mar  1 06:41:14 2026 Info: Delivery start DCID 310402 MID 1520302 to RID [0]
Sun Mar  1 06:41:15 2026 Info: Message done DCID 310402 MID 1520302 to RID [0]
Sun Mar  1 06:41:15 2026 Info: MID 1520302 RID [0] Response 'Ok: queued as 0AA26B7F62'
Sun Mar  1 06:41:15 2026 Info: Message finished MID 1520302 done
Sun Mar  1 06:41:20 2026 Info: DCID 310402 close
Sun Mar  1 06:41:43 2026 Info: ICID 884203 close
Sun Mar  1 06:50:22 2026 Info: New SMTP ICID 884204 interface IncomingMail (192.0.2.10) address 198.51.100.142 reverse dns host smtp.example.edu verified yes
Sun Mar  1 06:50:22 2026 Info: ICID 884204 ACCEPT SG UNKNOWNLIST match sbrs[-1.0:10.0] SBRS 5.1 country France
Sun Mar  1 06:50:24 2026 Info: Start MID 1520303 ICID 884204
Sun Mar  1 06:50:24 2026 Info: MID 1520303 ICID 884204 From: <paul@example.edu>
Sun Mar  1 06:50:24 2026 Info: MID 1520303 ICID 884204 RID 0 To: <m.rossi@example.com>
Sun Mar  1 06:50:25 2026 Info: MID 1520303 Message-ID '<30b17d0b09208a65@example.edu>'
Sun Mar  1 06:50:25 2026 Info: MID 1520303 Subject 'Re: offer 2026-114'
Sun Mar  1 06:50:25 2026 Info: MID 1520303 ready 9605 bytes from <paul@example.edu>
Sun Mar  1 06:50:25 2026 Info: MID 1520303 matched all recipients for per-recipient policy DEFAULT in the inbound table
Sun Mar  1 06:50:26 2026 Info: MID 1520303 interim verdict using engine: CASE spam negative
Sun Mar  1 06:50:26 2026 Info: MID 1520303 using engine: CASE spam negative
Sun Mar  1 06:50:26 2026 Info: MID 1520303 interim AV verdict using Sophos CLEAN
Sun Mar  1 06:50:26 2026 Info: MID 1520303 antivirus negative
Sun Mar  1 06:50:27 2026 Info: MID 1520303 queued for delivery
Sun Mar  1 06:50:28 2026 Info: New SMTP DCID 310403 interface 192.0.2.10 address 192.0.2.25 port 25
Sun Mar  1 06:50:28 2026 Info: DCID 310403 TLS success protocol TLSv1.2 cipher ECDHE-RSA-AES256-GCM-SHA384
Sun Mar  1 06:50:28 2026 Info: Delivery start DCID 310403 MID 1520303 to RID [0]
Sun Mar  1 06:50:29 2026 Info: Message done DCID 310403 MID 1520303 to RID [0]
Sun Mar  1 06:50:29 2026 Info: MID 1520303 RID [0] Response 'Ok: queued as 3DE12B2B8F'
Sun Mar  1 06:50:29 2026 Info: Message finished MID 1520303 done
Sun Mar  1 06:50:30 2026 Info: ICID 884204 close
Sun Mar  1 06:50:34 2026 Info: DCID 310403 close
Sun Mar  1 07:00:00 2026 Info: Start MID 1520304 ICID 0
Sun Mar  1 07:00:00 2026 Info: MID 1520304 ICID 0 From: <alerts@example.com>
Sun Mar  1 07:00:00 2026 Info: MID 1520304 ICID 0 RID 0 To: <oncall@example.org>
Sun Mar  1 07:00:00 2026 Info: MID 1520304 Subject 'Info <System> esa1.example.com: daily report'
Sun Mar  1 07:00:00 2026 Info: MID 1520304 ready 2207 bytes from <alerts@example.com>
Sun Mar  1 07:00:01 2026 Info: MID 1520304 queued for delivery
Sun Mar  1 07:00:02 2026 Info: New SMTP DCID 310404 interface 192.0.2.10 address 198.51.100.250 port 587
Sun Mar  1 07:00:03 2026 Info: DCID 310404 TLS success protocol TLSv1.2 cipher ECDHE-RSA-AES256-GCM-SHA384
Sun Mar  1 07:00:04 2026 Info: DCID: 310404 IP: 198.51.100.250 SMTP authentication using the profile SmartHost succeeded.
Sun Mar  1 07:00:04 2026 Info: Delivery start DCID 310404 MID 1520304 to RID [0]
Sun Mar  1 07:00:05 2026 Info: Message done DCID 310404 MID 1520304 to RID [0]
Sun Mar  1 07:00:05 2026 Info: Message finished MID 1520304 done
Sun Mar  1 07:00:10 2026 Info: DCID 310404 close
Sun Mar  1 07:04:53 2026 Info: ICID 0 TCPREFUSE SG BLOCKED match 203.0.113.238 SBRS -8.9 country not applicable
Sun Mar  1 07:47:09 2026 Info: New SMTP ICID 884205 interface IncomingMail (192.0.2.10) address 203.0.113.220 reverse dns host unknown verified no
Sun Mar  1 07:47:09 2026 Info: ICID 884205 REJECT SG BLOCKLIST match sbrs[-10.0:-3.0] SBRS -5.6 country not applicable
Sun Mar  1 07:47:10 2026 Info: ICID 884205 close
Sun Mar  1 07:54:29 2026 Info: New SMTP ICID 884206 interface IncomingMail (192.0.2.10) address 203.0.113.140 reverse dns host out.example.net verified yes
Sun Mar  1 07:54:29 2026 Info: ICID 884206 ACCEPT SG UNKNOWNLIST match sbrs[-1.0:10.0] SBRS 3.5 country United States
Sun Mar  1 07:54:31 2026 Info: Start MID 1520305 ICID 884206
Sun Mar  1 07:54:31 2026 Info: MID 1520305 ICID 884206 From: <news@example.net>
Sun Mar  1 07:54:31 2026 Info: MID 1520305 ICID 884206 RID 0 To: <f.gallo@example.com>
Sun Mar  1 07:54:32 2026 Info: MID 1520305 Message-ID '<4735af1ca7a11490@example.net>'
Sun Mar  1 07:54:32 2026 Info: MID 1520305 Subject 'Re: offer 2026-114'
Sun Mar  1 07:54:32 2026 Info: MID 1520305 ready 61743 bytes from <news@example.net>
Sun Mar  1 07:54:32 2026 Info: MID 1520305 matched all recipients for per-recipient policy DEFAULT in the inbound table
Sun Mar  1 07:54:33 2026 Info: MID 1520305 interim verdict using engine: CASE spam negative
Sun Mar  1 07:54:33 2026 Info: MID 1520305 using engine: CASE spam negative
Sun Mar  1 07:54:33 2026 Info: MID 1520305 interim AV verdict using Sophos CLEAN
Sun Mar  1 07:54:33 2026 Info: MID 1520305 antivirus negative
Sun Mar  1 07:54:34 2026 Info: MID 1520305 queued for delivery
Sun Mar  1 07:54:35 2026 Info: New SMTP DCID 310405 interface 192.0.2.10 address 192.0.2.25 port 25
Sun Mar  1 07:54:35 2026 Info: DCID 310405 TLS success protocol TLSv1.2 cipher ECDHE-RSA-AES256-GCM-SHA384
Sun Mar  1 07:54:35 2026 Info: Delivery start DCID 310405 MID 1520305 to RID [0]
Sun Mar  1 07:54:36 2026 Info: Message done DCID 310405 MID 1520305 to RID [0]
Sun Mar  1 07:54:36 2026 Info: MID 1520305 RID [0] Response 'Ok: queued as FF6822A6B2'
Sun Mar  1 07:54:36 2026 Info: Message finished MID 1520305 done
Sun Mar  1 07:54:37 2026 Info: ICID 884206 close
Sun Mar  1 07:54:41 2026 Info: DCID 310405 close
Sun Mar  1 07:55:30 2026 Info: New SMTP ICID 884207 interface Submission (192.0.2.11) address 198.51.100.22 reverse dns host unknown verified no
Sun Mar  1 07:55:30 2026 Info: ICID 884207 ACCEPT SG SUBMISSION match ALL SBRS None country Italy
Sun Mar  1 07:55:31 2026 Info: ICID 884207 TLS success protocol TLSv1.2 cipher ECDHE-RSA-AES256-GCM-SHA384
Sun Mar  1 07:55:32 2026 Info: SMTP Auth: (ICID 884207) succeeded for user: a.bianchi@example.com using AUTH mechanism: LOGIN with profile: SmtpAuth
Sun Mar  1 07:55:33 2026 Info: Start MID 1520306 ICID 884207
Sun Mar  1 07:55:33 2026 Info: MID 1520306 ICID 884207 From: <a.bianchi@example.com>
Sun Mar  1 07:55:33 2026 Info: MID 1520306 ICID 884207 RID 0 To: <sales@example.net>
Sun Mar  1 07:55:33 2026 Info: MID 1520306 ICID 884207 RID 1 To: <orders@example.net>
Sun Mar  1 07:55:34 2026 Info: MID 1520306 Message-ID '<49fe85b0834c687a@example.com>'
Sun Mar  1 07:55:34 2026 Info: MID 1520306 Subject 'Invoice 8841'
Sun Mar  1 07:55:34 2026 Info: MID 1520306 ready 31902 bytes from <a.bianchi@example.com>
Sun Mar  1 07:55:34 2026 Info: MID 1520306 matched all recipients for per-recipient policy DEFAULT in the outbound table
Sun Mar  1 07:55:35 2026 Info: MID 1520306 antivirus negative
Sun Mar  1 07:55:36 2026 Info: MID 1520306 queued for delivery
Sun Mar  1 07:55:37 2026 Info: New SMTP DCID 310406 interface 192.0.2.10 address 198.51.100.140 port 25
Sun Mar  1 07:55:37 2026 Info: DCID 310406 TLS success protocol TLSv1.2 cipher ECDHE-RSA-AES256-GCM-SHA384
Sun Mar  1 07:55:37 2026 Info: Delivery start DCID 310406 MID 1520306 to RID [0, 1]
Sun Mar  1 07:55:38 2026 Info: Message done DCID 310406 MID 1520306 to RID [0, 1]
Sun Mar  1 07:55:38 2026 Info: MID 1520306 RID [0, 1] Response 'Ok: queued as 9011FA2AC0'
Sun Mar  1 07:55:38 2026 Info: Message finished MID 1520306 done
Sun Mar  1 07:55:43 2026 Info: DCID 310406 close
Sun Mar  1 07:55:45 2026 Info: Start MID 1520307 ICID 884207
Sun Mar  1 07:55:45 2026 Info: MID 1520307 ICID 884207 From: <a.bianchi@example.com>
Sun Mar  1 07:55:45 2026 Info: MID 1520307 ICID 884207 RID 0 To: <sales@example.net>
Sun Mar  1 07:55:46 2026 Info: MID 1520307 Message-ID '<f542441d111b8aaa@example.com>'
Sun Mar  1 07:55:46 2026 Info: MID 1520307 Subject 'Fwd: timetable'
Sun Mar  1 07:55:46 2026 Info: MID 1520307 ready 52461 bytes from <a.bianchi@example.com>
Sun Mar  1 07:55:46 2026 Info: MID 1520307 matched all recipients for per-recipient policy DEFAULT in the outbound table
Sun Mar  1 07:55:47 2026 Info: MID 1520307 antivirus negative
Sun Mar  1 07:55:48 2026 Info: MID 1520307 queued for delivery
Sun Mar  1 07:55:49 2026 Info: New SMTP DCID 310407 interface 192.0.2.10 address 198.51.100.140 port 25
Sun Mar  1 07:55:49 2026 Info: DCID 310407 TLS success protocol TLSv1.2 cipher ECDHE-RSA-AES256-GCM-SHA384
Sun Mar  1 07:55:49 2026 Info: Delivery start DCID 310407 MID 1520307 to RID [0]
Sun Mar  1 07:55:50 2026 Info: Message done DCID 310407 MID 1520307 to RID [0]
Sun Mar  1 07:55:50 2026 Info: MID 1520307 RID [0] Response 'Ok: queued as AFD8E94B15'
Sun Mar  1 07:55:50 2026 Info: Message finished MID 1520307 done
Sun Mar  1 07:55:53 2026 Info: ICID 884207 close
Sun Mar  1 07:55:55 2026 Info: DCID 310407 close
Sun Mar  1 08:07:59 2026 Info: New SMTP ICID 884208 interface IncomingMail (192.0.2.10) address 203.0.113.140 reverse dns host out.example.net verified yes
Sun Mar  1 08:07:59 2026 Info: ICID 884208 ACCEPT SG UNKNOWNLIST match sbrs[-1.0:10.0] SBRS 3.5 country United States
Sun Mar  1 08:08:00 2026 Info: ICID 884208 TLS success protocol TLSv1.3 cipher TLS_AES_256_GCM_SHA384
Sun Mar  1 08:08:01 2026 Info: Start MID 1520308 ICID 884208
Sun Mar  1 08:08:01 2026 Info: MID 1520308 ICID 884208 From: <anna@example.net>
Sun Mar  1 08:08:01 2026 Info: MID 1520308 ICID 884208 RID 0 To: <f.gallo@example.com>
Sun Mar  1 08:08:02 2026 Info: MID 1520308 Message-ID '<90f5380e12b2a414@example.net>'
Sun Mar  1 08:08:02 2026 Info: MID 1520308 Subject 'Re: Re: visit in April'
Sun Mar  1 08:08:02 2026 Info: MID 1520308 ready 56822 bytes from <anna@example.net>
Sun Mar  1 08:08:02 2026 Info: MID 1520308 matched all recipients for per-recipient policy DEFAULT in the inbound table
Sun Mar  1 08:08:03 2026 Info: MID 1520308 interim verdict using engine: CASE spam negative
Sun Mar  1 08:08:03 2026 Info: MID 1520308 using engine: CASE spam negative
Sun Mar  1 08:08:03 2026 Info: MID 1520308 interim AV verdict using Sophos CLEAN
Sun Mar  1 08:08:03 2026 Info: MID 1520308 antivirus negative
Sun Mar  1 08:08:04 2026 Info: MID 1520308 queued for delivery
Sun Mar  1 08:08:05 2026 Info: New SMTP DCID 310408 interface 192.0.2.10 address 192.0.2.25 port 25
Sun Mar  1 08:08:05 2026 Info: DCID 310408 TLS success protocol TLSv1.2 cipher ECDHE-RSA-AES256-GCM-SHA384
Sun Mar  1 08:08:05 2026 Info: Delivery start DCID 310408 MID 1520308 to RID [0]
Sun Mar  1 08:08:06 2026 Info: Message done DCID 310408 MID 1520308 to RID [0]
Sun Mar  1 08:08:06 2026 Info: MID 1520308 RID [0] Response 'Ok: queued as 32A123F501'
Sun Mar  1 08:08:06 2026 Info: Message finished MID 1520308 done
Sun Mar  1 08:08:07 2026 Info: ICID 884208 close
Sun Mar  1 08:08:11 2026 Info: DCID 310408 close
Sun Mar  1 08:20:22 2026 Info: New SMTP ICID 884209 interface IncomingMail (192.0.2.10) address 203.0.113.141 reverse dns host relay.mail.example.net verified yes
Sun Mar  1 08:20:22 2026 Info: ICID 884209 ACCEPT SG UNKNOWNLIST match sbrs[-1.0:10.0] SBRS None country not enabled
Sun Mar  1 08:20:23 2026 Info: ICID 884209 TLS success protocol TLSv1.2 cipher ECDHE-RSA-AES256-GCM-SHA384
Sun Mar  1 08:20:24 2026 Info: Start MID 1520309 ICID 884209
Sun Mar  1 08:20:24 2026 Info: MID 1520309 ICID 884209 From: <orders@mail.example.net>
Sun Mar  1 08:20:24 2026 Info: MID 1520309 ICID 884209 RID 0 To: <s.conti@example.com>
Sun Mar  1 08:20:25 2026 Info: MID 1520309 Message-ID '<ec3fbf4dc20ef164@mail.example.net>'
Sun Mar  1 08:20:25 2026 Info: MID 1520309 Subject 'Minutes of Friday'
Sun Mar  1 08:20:25 2026 Info: MID 1520309 ready 55546 bytes from <orders@mail.example.net>
Sun Mar  1 08:20:25 2026 Info: MID 1520309 matched all recipients for per-recipient policy DEFAULT in the inbound table
Sun Mar  1 08:20:26 2026 Info: MID 1520309 interim verdict using engine: CASE spam negative
Sun Mar  1 08:20:26 2026 Info: MID 1520309 using engine: CASE spam negative
Sun Mar  1 08:20:26 2026 Info: MID 1520309 interim AV verdict using Sophos CLEAN
Sun Mar  1 08:20:26 2026 Info: MID 1520309 antivirus negative
Sun Mar  1 08:20:27 2026 Info: MID 1520309 queued for delivery
Sun Mar  1 08:20:28 2026 Info: New SMTP DCID 310409 interface 192.0.2.10 address 192.0.2.25 port 25
Sun Mar  1 08:20:28 2026 Info: DCID 310409 TLS success protocol TLSv1.2 cipher ECDHE-RSA-AES256-GCM-SHA384
Sun Mar  1 08:20:28 2026 Info: Delivery start DCID 310409 MID 1520309 to RID [0]
Sun Mar  1 08:20:29 2026 Info: Message done DCID 310409 MID 1520309 to RID [0]
Sun Mar  1 08:20:29 2026 Info: MID 1520309 RID [0] Response 'Ok: queued as 221E34B3F1'
Sun Mar  1 08:20:29 2026 Info: Message finished MID 1520309 done
Sun Mar  1 08:20:30 2026 Info: ICID 884209 close
Sun Mar  1 08:20:34 2026 Info: DCID 310409 close
Sun Mar  1 08:27:42 2026 Info: New SMTP ICID 884210 interface IncomingMail (192.0.2.10) address 203.0.113.140 reverse dns host out.example.net verified yes
Sun Mar  1 08:27:42 2026 Info: ICID 884210 ACCEPT SG UNKNOWNLIST match sbrs[-1.0:10.0] SBRS 3.5 country United States
Sun Mar  1 08:27:44 2026 Info: Start MID 1520310 ICID 884210
Sun Mar  1 08:27:44 2026 Info: MID 1520310 ICID 884210 From: <news@example.net>
Sun Mar  1 08:27:44 2026 Info: MID 1520310 ICID 884210 RID 0 To: <m.rossi@example.com>
Sun Mar  1 08:27:45 2026 Info: MID 1520310 Message-ID '<ae9ca08b2d7c5048@example.net>'
Sun Mar  1 08:27:45 2026 Info: MID 1520310 Subject 'Newsletter March'
Sun Mar  1 08:27:45 2026 Info: MID 1520310 ready 65608 bytes from <news@example.net>
Sun Mar  1 08:27:45 2026 Info: MID 1520310 matched all recipients for per-recipient policy DEFAULT in the inbound table
Sun Mar  1 08:27:46 2026 Info: MID 1520310 interim verdict using engine: CASE spam negative
Sun Mar  1 08:27:46 2026 Info: MID 1520310 using engine: CASE spam negative
Sun Mar  1 08:27:46 2026 Info: MID 1520310 interim AV verdict using Sophos CLEAN
Sun Mar  1 08:27:46 2026 Info: MID 1520310 antivirus negative
Sun Mar  1 08:27:47 2026 Info: MID 1520310 queued for delivery
Sun Mar  1 08:27:48 2026 Info: New SMTP DCID 310410 interface 192.0.2.10 address 192.0.2.25 port 25
Sun Mar  1 08:27:48 2026 Info: DCID 310410 TLS success protocol TLSv1.2 cipher ECDHE-RSA-AES256-GCM-SHA384
Sun Mar  1 08:27:48 2026 Info: Delivery start DCID 310410 MID 1520310 to RID [0]
Sun Mar  1 08:27:49 2026 Info: Message done DCID 310410 MID 1520310 to RID [0]
Sun Mar  1 08:27:49 2026 Info: MID 1520310 RID [0] Response 'Ok: queued as 308F2DF760'
Sun Mar  1 08:27:49 2026 Info: Message finished MID 1520310 done
Sun Mar  1 08:27:50 2026 Info: ICID 884210 close
Sun Mar  1 08:27:54 2026 Info: DCID 310410 close
Sun Mar  1 08:30:00 2026 Info: New SMTP ICID 884211 interface Submission (192.0.2.11) address 192.0.2.131 reverse dns host scanner-2f.example.com verified yes
Sun Mar  1 08:30:00 2026 Info: ICID 884211 RELAY SG RELAYLIST match 192.0.2.0/24 SBRS None country not applicable
Sun Mar  1 08:30:02 2026 Info: SMTP Auth: (ICID 884211) succeeded for user: scanner-2f using AUTH mechanism: LOGIN with profile: SmtpAuth
Sun Mar  1 08:30:03 2026 Info: Start MID 1520311 ICID 884211
Sun Mar  1 08:30:03 2026 Info: MID 1520311 ICID 884211 From: <scanner-2f@example.com>
Sun Mar  1 08:30:03 2026 Info: MID 1520311 ICID 884211 RID 0 To: <paul@example.net>
Sun Mar  1 08:30:04 2026 Info: MID 1520311 Message-ID '<a4ca83b26b52b08d@example.com>'
Sun Mar  1 08:30:04 2026 Info: MID 1520311 Subject 'Delivery on Tuesday'
Sun Mar  1 08:30:04 2026 Info: MID 1520311 ready 18966 bytes from <scanner-2f@example.com>
Sun Mar  1 08:30:04 2026 Info: MID 1520311 matched all recipients for per-recipient policy DEFAULT in the outbound table
Sun Mar  1 08:30:05 2026 Info: MID 1520311 antivirus negative
Sun Mar  1 08:30:06 2026 Info: MID 1520311 queued for delivery
Sun Mar  1 08:30:07 2026 Info: New SMTP DCID 310411 interface 192.0.2.10 address 198.51.100.141 port 25
Sun Mar  1 08:30:07 2026 Info: DCID 310411 TLS success protocol TLSv1.2 cipher ECDHE-RSA-AES256-GCM-SHA384
Sun Mar  1 08:30:07 2026 Info: Delivery start DCID 310411 MID 1520311 to RID [0]
Sun Mar  1 08:30:08 2026 Info: Message done DCID 310411 MID 1520311 to RID [0]
Sun Mar  1 08:30:08 2026 Info: MID 1520311 RID [0] Response 'Ok: queued as 651DD377BF'
Sun Mar  1 08:30:08 2026 Info: Message finished MID 1520311 done
Sun Mar  1 08:30:13 2026 Info: DCID 310411 close
Sun Mar  1 08:30:37 2026 Info: ICID 884211 close
Sun Mar  1 08:39:05 2026 Info: New SMTP ICID 884212 interface IncomingMail (192.0.2.10) address 203.0.113.140 reverse dns host out.example.net verified yes
Sun Mar  1 08:39:05 2026 Info: ICID 884212 ACCEPT SG UNKNOWNLIST match sbrs[-1.0:10.0] SBRS 3.5 country United States
Sun Mar  1 08:39:06 2026 Info: ICID 884212 TLS success protocol TLSv1.3 cipher TLS_AES_256_GCM_SHA384
Sun Mar  1 08:39:07 2026 Info: Start MID 1520312 ICID 884212
Sun Mar  1 08:39:07 2026 Info: MID 1520312 ICID 884212 From: <news@example.net>
Sun Mar  1 08:39:07 2026 Info: MID 1520312 ICID 884212 RID 0 To: <s.conti@example.com>
Sun Mar  1 08:39:08 2026 Info: MID 1520312 Message-ID '<feef16e964ef2ebe@example.net>'
Sun Mar  1 08:39:08 2026 Info: MID 1520312 Subject 'Delivery on Tuesday'
Sun Mar  1 08:39:08 2026 Info: MID 1520312 ready 26350 bytes from <news@example.net>
Sun Mar  1 08:39:08 2026 Info: MID 1520312 matched all recipients for per-recipient policy DEFAULT in the inbound table
Sun Mar  1 08:39:09 2026 Info: MID 1520312 interim verdict using engine: CASE spam negative
Sun Mar  1 08:39:09 2026 Info: MID 1520312 using engine: CASE spam negative
Sun Mar  1 08:39:09 2026 Info: MID 1520312 interim AV verdict using Sophos CLEAN
Sun Mar  1 08:39:09 2026 Info: MID 1520312 antivirus negative
Sun Mar  1 08:39:10 2026 Info: MID 1520312 queued for delivery
Sun Mar  1 08:39:11 2026 Info: New SMTP DCID 310412 interface 192.0.2.10 address 192.0.2.25 port 25
Sun Mar  1 08:39:11 2026 Info: DCID 310412 TLS success protocol TLSv1.2 cipher ECDHE-RSA-AES256-GCM-SHA384
Sun Mar  1 08:39:11 2026 Info: Delivery start DCID 310412 MID 1520312 to RID [0]
Sun Mar  1 08:39:12 2026 Info: Message done DCID 310412 MID 1520312 to RID [0]
Sun Mar  1 08:39:12 2026 Info: MID 1520312 RID [0] Response 'Ok: queued as 9ADAB871D5'
Sun Mar  1 08:39:12 2026 Info: Message finished MID 1520312 done
Sun Mar  1 08:39:13 2026 Info: ICID 884212 close
Sun Mar  1 08:39:17 2026 Info: DCID 310412 close
Sun Mar  1 09:02:44 2026 Info: New SMTP ICID 884213 interface Submission (192.0.2.11) address 198.51.100.23 reverse dns host unknown verified no
Sun Mar  1 09:02:44 2026 Info: ICID 884213 ACCEPT SG SUBMISSION match ALL SBRS None country Italy
Sun Mar  1 09:02:45 2026 Info: ICID 884213 TLS success protocol TLSv1.3 cipher TLS_AES_256_GCM_SHA384
Sun Mar  1 09:02:46 2026 Info: SMTP Auth: (ICID 884213) succeeded for user: g.ferrari@example.com using AUTH mechanism: PLAIN with profile: SmtpAuth
Sun Mar  1 09:02:47 2026 Info: Start MID 1520313 ICID 884213
Sun Mar  1 09:02:47 2026 Info: MID 1520313 ICID 884213 From: <g.ferrari@example.com>
Sun Mar  1 09:02:47 2026 Info: MID 1520313 ICID 884213 RID 0 To: <paul@example.net>
Sun Mar  1 09:02:47 2026 Info: MID 1520313 ICID 884213 RID 1 To: <sales@example.net>
Sun Mar  1 09:02:48 2026 Info: MID 1520313 Message-ID '<7108e02236971e1b@example.com>'
Sun Mar  1 09:02:48 2026 Info: MID 1520313 Subject 'Minutes of Friday'
Sun Mar  1 09:02:48 2026 Info: MID 1520313 ready 20983 bytes from <g.ferrari@example.com>
Sun Mar  1 09:02:48 2026 Info: MID 1520313 matched all recipients for per-recipient policy DEFAULT in the outbound table
Sun Mar  1 09:02:49 2026 Info: MID 1520313 antivirus negative
Sun Mar  1 09:02:50 2026 Info: MID 1520313 queued for delivery
Sun Mar  1 09:02:51 2026 Info: New SMTP DCID 310413 interface 192.0.2.10 address 198.51.100.141 port 25
Sun Mar  1 09:02:51 2026 Info: DCID 310413 TLS success protocol TLSv1.2 cipher ECDHE-RSA-AES256-GCM-SHA384
Sun Mar  1 09:02:51 2026 Info: Delivery start DCID 310413 MID 1520313 to RID [0, 1]
Sun Mar  1 09:02:52 2026 Info: Message done DCID 310413 MID 1520313 to RID [0, 1]
Sun Mar  1 09:02:52 2026 Info: MID 1520313 RID [0, 1] Response 'Ok: queued as C5027385C9'
Sun Mar  1 09:02:52 2026 Info: Message finished MID 1520313 done
Sun Mar  1 09:02:57 2026 Info: DCID 310413 close
Sun Mar  1 09:03:16 2026 Info: ICID 884213 close
Sun Mar  1 09:05:21 2026 Info: New SMTP ICID 884214 interface IncomingMail (192.0.2.10) address 203.0.113.141 reverse dns host relay.mail.example.net verified yes
Sun Mar  1 09:05:21 2026 Info: ICID 884214 ACCEPT SG UNKNOWNLIST match sbrs[-1.0:10.0] SBRS None country not enabled
Sun Mar  1 09:05:22 2026 Info: ICID 884214 TLS success protocol TLSv1.2 cipher ECDHE-RSA-AES256-GCM-SHA384
Sun Mar  1 09:05:23 2026 Info: Start MID 1520314 ICID 884214
Sun Mar  1 09:05:23 2026 Info: MID 1520314 ICID 884214 From: <news@mail.example.net>
Sun Mar  1 09:05:23 2026 Info: MID 1520314 ICID 884214 RID 0 To: <a.bianchi@example.com>
Sun Mar  1 09:05:24 2026 Info: MID 1520314 Message-ID '<3e361858a2f7647a@mail.example.net>'
Sun Mar  1 09:05:24 2026 Info: MID 1520314 Subject 'Delivery on Tuesday'
Sun Mar  1 09:05:24 2026 Info: MID 1520314 ready 78180 bytes from <news@mail.example.net>
Sun Mar  1 09:05:24 2026 Info: MID 1520314 matched all recipients for per-recipient policy DEFAULT in the inbound table
Sun Mar  1 09:05:25 2026 Info: MID 1520314 interim verdict using engine: CASE spam negative
Sun Mar  1 09:05:25 2026 Info: MID 1520314 using engine: CASE spam negative
Sun Mar  1 09:05:25 2026 Info: MID 1520314 interim AV verdict using Sophos CLEAN
Sun Mar  1 09:05:25 2026 Info: MID 1520314 antivirus negative
Sun Mar  1 09:05:26 2026 Info: MID 1520314 queued for delivery
Sun Mar  1 09:05:27 2026 Info: New SMTP DCID 310414 interface 192.0.2.10 address 192.0.2.25 port 25
Sun Mar  1 09:05:27 2026 Info: DCID 310414 TLS success protocol TLSv1.2 cipher ECDHE-RSA-AES256-GCM-SHA384
Sun Mar  1 09:05:27 2026 Info: Delivery start DCID 310414 MID 1520314 to RID [0]
Sun Mar  1 09:05:28 2026 Info: Message done DCID 310414 MID 1520314 to RID [0]
Sun Mar  1 09:05:28 2026 Info: MID 1520314 RID [0] Response 'Ok: queued as 9903F8670D'
Sun Mar  1 09:05:28 2026 Info: Message finished MID 1520314 done
Sun Mar  1 09:05:29 2026 Info: ICID 884214 close
Sun Mar  1 09:05:33 2026 Info: DCID 310414 close
Sun Mar  1 09:09:17 2026 Info: New SMTP ICID 884215 interface IncomingMail (192.0.2.10) address 203.0.113.223 reverse dns host unknown verified no
Sun Mar  1 09:09:17 2026 Info: ICID 884215 REJECT SG BLOCKLIST match sbrs[-10.0:-3.0] SBRS -8.9 country not applicable
Sun Mar  1 09:09:18 2026 Info: ICID 884215 close
Sun Mar  1 09:35:34 2026 Info: New SMTP ICID 884216 interface IncomingMail (192.0.2.10) address 203.0.113.208 reverse dns host unknown verified no
Sun Mar  1 09:35:34 2026 Info: ICID 884216 REJECT SG BLOCKLIST match sbrs[-10.0:-3.0] SBRS -9.2 country not applicable
Sun Mar  1 09:35:35 2026 Info: ICID 884216 close
Sun Mar  1 10:10:00 2026 Info: New SMTP ICID 884217 interface Submission (192.0.2.11) address 198.51.100.77 reverse dns host vps77.example.net verified no
Sun Mar  1 10:10:00 2026 Info: ICID 884217 ACCEPT SG SUBMISSION match ALL SBRS None country not enabled
Sun Mar  1 10:10:01 2026 Info: ICID 884217 TLS success protocol TLSv1.2 cipher ECDHE-RSA-AES256-GCM-SHA384
Sun Mar  1 10:10:02 2026 Info: SMTP Auth: (ICID 884217) failed for user: admin@example.com using AUTH mechanism: LOGIN with profile: SmtpAuth
Sun Mar  1 10:10:05 2026 Info: SMTP Auth: (ICID 884217) failed for user: info@example.com using AUTH mechanism: LOGIN with profile: SmtpAuth
Sun Mar  1 10:10:09 2026 Info: ICID 884217 close
Sun Mar  1 10:18:00 2026 Info: New SMTP ICID 884218 interface Submission (192.0.2.11) address 198.51.100.77 reverse dns host vps77.example.net verified no
Sun Mar  1 10:18:00 2026 Info: ICID 884218 ACCEPT SG SUBMISSION match ALL SBRS None country not enabled
Sun Mar  1 10:18:01 2026 Info: ICID 884218 TLS success protocol TLSv1.2 cipher ECDHE-RSA-AES256-GCM-SHA384
Sun Mar  1 10:18:02 2026 Info: SMTP Auth: (ICID 884218) failed for user: hr@example.com using AUTH mechanism: LOGIN with profile: SmtpAuth
Sun Mar  1 10:18:05 2026 Info: SMTP Auth: (ICID 884218) failed for user: finance@example.com using AUTH mechanism: LOGIN with profile: SmtpAuth
Sun Mar  1 10:18:09 2026 Info: ICID 884218 close
Sun Mar  1 10:26:00 2026 Info: New SMTP ICID 884219 interface Submission (192.0.2.11) address 198.51.100.77 reverse dns host vps77.example.net verified no
Sun Mar  1 10:26:00 2026 Info: ICID 884219 ACCEPT SG SUBMISSION match ALL SBRS None country not enabled
Sun Mar  1 10:26:01 2026 Info: ICID 884219 TLS success protocol TLSv1.2 cipher ECDHE-RSA-AES256-GCM-SHA384
Sun Mar  1 10:26:02 2026 Info: SMTP Auth: (ICID 884219) failed for user: scan@example.com using AUTH mechanism: LOGIN with profile: SmtpAuth
Sun Mar  1 10:26:05 2026 Info: SMTP Auth: (ICID 884219) failed for user: marketing@example.com using AUTH mechanism: LOGIN with profile: SmtpAuth
Sun Mar  1 10:26:09 2026 Info: ICID 884219 close
Sun Mar  1 10:28:13 2026 Info: ICID 0 TCPREFUSE SG BLOCKED match 203.0.113.236 SBRS -8.4 country not applicable
Sun Mar  1 10:29:47 2026 Info: New SMTP ICID 884220 interface IncomingMail (192.0.2.10) address 203.0.113.211 reverse dns host unknown verified no
Sun Mar  1 10:29:47 2026 Info: ICID 884220 REJECT SG BLOCKLIST match sbrs[-10.0:-3.0] SBRS -7.0 country not applicable
Sun Mar  1 10:29:48 2026 Info: ICID 884220 close
Sun Mar  1 11:08:02 2026 Info: New SMTP ICID 884221 interface IncomingMail (192.0.2.10) address 203.0.113.140 reverse dns host out.example.net verified yes
Sun Mar  1 11:08:02 2026 Info: ICID 884221 ACCEPT SG UNKNOWNLIST match sbrs[-1.0:10.0] SBRS 3.5 country United States
Sun Mar  1 11:08:04 2026 Info: Start MID 1520315 ICID 884221
Sun Mar  1 11:08:04 2026 Info: MID 1520315 ICID 884221 From: <info@example.net>
Sun Mar  1 11:08:04 2026 Info: MID 1520315 ICID 884221 RID 0 To: <l.romano@example.com>
Sun Mar  1 11:08:05 2026 Info: MID 1520315 Message-ID '<f33c1a7fafdd8733@example.net>'
Sun Mar  1 11:08:05 2026 Info: MID 1520315 Subject 'Your ticket 30912'
Sun Mar  1 11:08:05 2026 Info: MID 1520315 ready 27567 bytes from <info@example.net>
Sun Mar  1 11:08:05 2026 Info: MID 1520315 matched all recipients for per-recipient policy DEFAULT in the inbound table
Sun Mar  1 11:08:06 2026 Info: MID 1520315 interim verdict using engine: CASE spam negative
Sun Mar  1 11:08:06 2026 Info: MID 1520315 using engine: CASE spam negative
Sun Mar  1 11:08:06 2026 Info: MID 1520315 interim AV verdict using Sophos CLEAN
Sun Mar  1 11:08:06 2026 Info: MID 1520315 antivirus negative
Sun Mar  1 11:08:07 2026 Info: MID 1520315 queued for delivery
Sun Mar  1 11:08:08 2026 Info: New SMTP DCID 310415 interface 192.0.2.10 address 192.0.2.25 port 25
Sun Mar  1 11:08:08 2026 Info: DCID 310415 TLS success protocol TLSv1.2 cipher ECDHE-RSA-AES256-GCM-SHA384
Sun Mar  1 11:08:08 2026 Info: Delivery start DCID 310415 MID 1520315 to RID [0]
Sun Mar  1 11:08:09 2026 Info: Message done DCID 310415 MID 1520315 to RID [0]
Sun Mar  1 11:08:09 2026 Info: MID 1520315 RID [0] Response 'Ok: queued as E16361B9F8'
Sun Mar  1 11:08:09 2026 Info: Message finished MID 1520315 done
Sun Mar  1 11:08:10 2026 Info: ICID 884221 close
Sun Mar  1 11:08:14 2026 Info: DCID 310415 close
Sun Mar  1 11:59:41 2026 Info: New SMTP ICID 884222 interface Submission (192.0.2.11) address 198.51.100.28 reverse dns host unknown verified no
Sun Mar  1 11:59:41 2026 Info: ICID 884222 ACCEPT SG SUBMISSION match ALL SBRS None country Italy
Sun Mar  1 11:59:42 2026 Info: ICID 884222 TLS success protocol TLSv1.3 cipher TLS_AES_256_GCM_SHA384
Sun Mar  1 12:00:00 2026 Info: End Logfile
