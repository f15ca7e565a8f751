Sun Mar  1 12:00:00 2026 Info: Begin Logfile
Sun Mar  1 12:00:00 2026 Info: Version: 15.0.3-002 SN: 564D1A2B3C4D5E6F7081-92A3B4C5D6E7
Sun Mar  1 12:00:00 2026 Info: Time offset from UTC: 3600 seconds
Sun Mar  1 12:00:07 2026 Info: SMTP Auth: (ICID 884222) succeeded for user: f.gallo@example.com using AUTH mechanism: PLAIN with profile: SmtpAuth
Sun Mar  1 12:00:09 2026 Info: Start MID 1520316 ICID 884222
Sun Mar  1 12:00:09 2026 Info: MID 1520316 ICID 884222 From: <f.gallo@example.com>
Sun Mar  1 12:00:09 2026 Info: MID 1520316 ICID 884222 RID 0 To: <sales@example.net>
Sun Mar  1 12:00:10 2026 Info: MID 1520316 Message-ID '<14186ebf9a8137e9@example.com>'
Sun Mar  1 12:00:10 2026 Info: MID 1520316 Subject 'Re: offer 2026-114'
Sun Mar  1 12:00:10 2026 Info: MID 1520316 ready 65044 bytes from <f.gallo@example.com>
Sun Mar  1 12:00:10 2026 Info: MID 1520316 matched all recipients for per-recipient policy DEFAULT in the outbound table
Sun Mar  1 12:00:11 2026 Info: MID 1520316 antivirus negative
Sun Mar  1 12:00:12 2026 Info: MID 1520316 queued for delivery
Sun Mar  1 12:00:13 2026 Info: New SMTP DCID 310416 interface 192.0.2.10 address 198.51.100.140 port 25
Sun Mar  1 12:00:13 2026 Info: DCID 310416 TLS success protocol TLSv1.2 cipher ECDHE-RSA-AES256-GCM-SHA384
Sun Mar  1 12:00:13 2026 Info: Delivery start DCID 310416 MID 1520316 to RID [0]
Sun Mar  1 12:00:14 2026 Info: Message done DCID 310416 MID 1520316 to RID [0]
Sun Mar  1 12:00:14 2026 Info: MID 1520316 RID [0] Response 'Ok: queued as 0C6BE49EE7'
Sun Mar  1 12:00:14 2026 Info: Message finished MID 1520316 done
Sun Mar  1 12:00:19 2026 Info: DCID 310416 close
Sun Mar  1 12:00:20 2026 Info: ICID 884222 close
Sun Mar  1 12:37:19 2026 Info: New SMTP ICID 884223 interface Submission (192.0.2.11) address 2001:db8:4a::25 reverse dns host laptop-17.example.com verified yes
Sun Mar  1 12:37:19 2026 Info: ICID 884223 ACCEPT SG SUBMISSION match ALL SBRS None country Italy
Sun Mar  1 12:37:20 2026 Info: ICID 884223 TLS success protocol TLSv1.3 cipher TLS_AES_256_GCM_SHA384
Sun Mar  1 12:37:21 2026 Info: SMTP Auth: (ICID 884223) succeeded for user: l.romano@example.com using AUTH mechanism: PLAIN with profile: SmtpAuth
Sun Mar  1 12:37:22 2026 Info: Start MID 1520317 ICID 884223
Sun Mar  1 12:37:22 2026 Info: MID 1520317 ICID 884223 From: <l.romano@example.com>
Sun Mar  1 12:37:22 2026 Info: MID 1520317 ICID 884223 RID 0 To: <sales@example.net>
Sun Mar  1 12:37:23 2026 Info: MID 1520317 Message-ID '<41536363f6724ba0@example.com>'
Sun Mar  1 12:37:23 2026 Info: MID 1520317 Subject 'Minutes of Friday'
Sun Mar  1 12:37:23 2026 Info: MID 1520317 ready 68955 bytes from <l.romano@example.com>
Sun Mar  1 12:37:23 2026 Info: MID 1520317 matched all recipients for per-recipient policy DEFAULT in the outbound table
Sun Mar  1 12:37:24 2026 Info: MID 1520317 antivirus negative
Sun Mar  1 12:37:25 2026 Info: MID 1520317 queued for delivery
Sun Mar  1 12:37:26 2026 Info: New SMTP DCID 310417 interface 192.0.2.10 address 198.51.100.140 port 25
Sun Mar  1 12:37:26 2026 Info: DCID 310417 TLS success protocol TLSv1.2 cipher ECDHE-RSA-AES256-GCM-SHA384
Sun Mar  1 12:37:26 2026 Info: Delivery start DCID 310417 MID 1520317 to RID [0]
Sun Mar  1 12:37:27 2026 Info: Message done DCID 310417 MID 1520317 to RID [0]
Sun Mar  1 12:37:27 2026 Info: MID 1520317 RID [0] Response 'Ok: queued as B4BD65693B'
Sun Mar  1 12:37:27 2026 Info: Message finished MID 1520317 done
Sun Mar  1 12:37:32 2026 Info: DCID 310417 close
Sun Mar  1 12:37:55 2026 Info: ICID 884223 close
Sun Mar  1 13:14:05 2026 Info: New SMTP ICID 884224 interface Submission (192.0.2.11) address 203.0.113.66 reverse dns host unknown verified no
Sun Mar  1 13:14:05 2026 Info: ICID 884224 ACCEPT SG SUBMISSION match ALL SBRS -2.1 country not applicable
Sun Mar  1 13:14:06 2026 Info: ICID 884224 TLS success protocol TLSv1.2 cipher ECDHE-RSA-AES256-GCM-SHA384
Sun Mar  1 13:14:08 2026 Info: SMTP Auth: (ICID 884224) failed for user: m.rossi@example.com using AUTH mechanism: LOGIN with profile: SmtpAuth
Sun Mar  1 13:14:12 2026 Info: SMTP Auth: (ICID 884224) failed for user: m.rossi@example.com using AUTH mechanism: LOGIN with profile: SmtpAuth
Sun Mar  1 13:14:16 2026 Info: SMTP Auth: (ICID 884224) failed for user: m.rossi@example.com using AUTH mechanism: LOGIN with profile: SmtpAuth
Sun Mar  1 13:14:18 2026 Info: ICID 884224 lost
Sun Mar  1 13:14:18 2026 Info: ICID 884224 close
Sun Mar  1 13:14:22 2026 Info: New SMTP ICID 884225 interface Submission (192.0.2.11) address 203.0.113.66 reverse dns host unknown verified no
Sun Mar  1 13:14:22 2026 Info: ICID 884225 ACCEPT SG SUBMISSION match ALL SBRS -2.1 country not applicable
Sun Mar  1 13:14:23 2026 Info: ICID 884225 TLS success protocol TLSv1.2 cipher ECDHE-RSA-AES256-GCM-SHA384
Sun Mar  1 13:14:25 2026 Info: SMTP Auth: (ICID 884225) failed for user: m.rossi@example.com using AUTH mechanism: LOGIN with profile: SmtpAuth
Sun Mar  1 13:14:29 2026 Info: SMTP Auth: (ICID 884225) failed for user: m.rossi@example.com using AUTH mechanism: LOGIN with profile: SmtpAuth
Sun Mar  1 13:14:33 2026 Info: SMTP Auth: (ICID 884225) failed for user: m.rossi@example.com using AUTH mechanism: LOGIN with profile: SmtpAuth
Sun Mar  1 13:14:35 2026 Info: ICID 884225 lost
Sun Mar  1 13:14:35 2026 Info: ICID 884225 close
Sun Mar  1 13:14:39 2026 Info: New SMTP ICID 884226 interface Submission (192.0.2.11) address 203.0.113.66 reverse dns host unknown verified no
Sun Mar  1 13:14:39 2026 Info: ICID 884226 ACCEPT SG SUBMISSION match ALL SBRS -2.1 country not applicable
Sun Mar  1 13:14:40 2026 Info: ICID 884226 TLS success protocol TLSv1.2 cipher ECDHE-RSA-AES256-GCM-SHA384
Sun Mar  1 13:14:42 2026 Info: SMTP Auth: (ICID 884226) failed for user: m.rossi@example.com using AUTH mechanism: LOGIN with profile: SmtpAuth
Sun Mar  1 13:14:46 2026 Info: SMTP Auth: (ICID 884226) failed for user: m.rossi@example.com using AUTH mechanism: LOGIN with profile: SmtpAuth
Sun Mar  1 13:14:50 2026 Info: SMTP Auth: (ICID 884226) failed for user: m.rossi@example.com using AUTH mechanism: LOGIN with profile: SmtpAuth
Sun Mar  1 13:14:52 2026 Info: ICID 884226 lost
Sun Mar  1 13:14:52 2026 Info: ICID 884226 close
Sun Mar  1 13:14:56 2026 Info: New SMTP ICID 884227 interface Submission (192.0.2.11) address 203.0.113.66 reverse dns host unknown verified no
Sun Mar  1 13:14:56 2026 Info: ICID 884227 ACCEPT SG SUBMISSION match ALL SBRS -2.1 country not applicable
Sun Mar  1 13:14:57 2026 Info: ICID 884227 TLS success protocol TLSv1.2 cipher ECDHE-RSA-AES256-GCM-SHA384
Sun Mar  1 13:14:59 2026 Info: SMTP Auth: (ICID 884227) failed for user: m.rossi@example.com using AUTH mechanism: LOGIN with profile: SmtpAuth
Sun Mar  1 13:15:03 2026 Info: SMTP Auth: (ICID 884227) failed for user: m.rossi@example.com using AUTH mechanism: LOGIN with profile: SmtpAuth
Sun Mar  1 13:15:07 2026 Info: SMTP Auth: (ICID 884227) failed for user: m.rossi@example.com using AUTH mechanism: LOGIN with profile: SmtpAuth
Sun Mar  1 13:15:09 2026 Info: ICID 884227 lost
Sun Mar  1 13:15:09 2026 Info: ICID 884227 close
Sun Mar  1 13:15:13 2026 Info: New SMTP ICID 884228 interface Submission (192.0.2.11) address 203.0.113.66 reverse dns host unknown verified no
Sun Mar  1 13:15:13 2026 Info: ICID 884228 ACCEPT SG SUBMISSION match ALL SBRS -2.1 country not applicable
Sun Mar  1 13:15:14 2026 Info: ICID 884228 TLS success protocol TLSv1.2 cipher ECDHE-RSA-AES256-GCM-SHA384
Sun Mar  1 13:15:16 2026 Info: SMTP Auth: (ICID 884228) failed for user: m.rossi@example.com using AUTH mechanism: LOGIN with profile: SmtpAuth
Sun Mar  1 13:15:20 2026 Info: SMTP Auth: (ICID 884228) failed for user: m.rossi@example.com using AUTH mechanism: LOGIN with profile: SmtpAuth
Sun Mar  1 13:15:24 2026 Info: SMTP Auth: (ICID 884228) succeeded for user: m.rossi@example.com using AUTH mechanism: LOGIN with profile: SmtpAuth
Sun Mar  1 13:15:33 2026 Info: Start MID 1520318 ICID 884228
Sun Mar  1 13:15:33 2026 Info: MID 1520318 ICID 884228 From: <m.rossi@example.com>
Sun Mar  1 13:15:33 2026 Info: MID 1520318 ICID 884228 RID 0 To: <user0@example.net>
Sun Mar  1 13:15:33 2026 Info: MID 1520318 ICID 884228 RID 1 To: <user1@example.org>
Sun Mar  1 13:15:33 2026 Info: MID 1520318 ICID 884228 RID 2 To: <user2@example.edu>
Sun Mar  1 13:15:33 2026 Info: MID 1520318 ICID 884228 RID 3 To: <user3@example.net>
Sun Mar  1 13:15:33 2026 Info: MID 1520318 ICID 884228 RID 4 To: <user4@example.org>
Sun Mar  1 13:15:33 2026 Info: MID 1520318 ICID 884228 RID 5 To: <user5@example.edu>
Sun Mar  1 13:15:33 2026 Info: MID 1520318 ICID 884228 RID 6 To: <user6@example.net>
Sun Mar  1 13:15:33 2026 Info: MID 1520318 ICID 884228 RID 7 To: <user7@example.org>
Sun Mar  1 13:15:33 2026 Info: MID 1520318 ICID 884228 RID 8 To: <user8@example.edu>
Sun Mar  1 13:15:33 2026 Info: MID 1520318 ICID 884228 RID 9 To: <user9@example.net>
Sun Mar  1 13:15:33 2026 Info: MID 1520318 ICID 884228 RID 10 To: <user10@example.org>
Sun Mar  1 13:15:33 2026 Info: MID 1520318 ICID 884228 RID 11 To: <user11@example.edu>
Sun Mar  1 13:15:33 2026 Info: MID 1520318 ICID 884228 RID 12 To: <user12@example.net>
Sun Mar  1 13:15:33 2026 Info: MID 1520318 ICID 884228 RID 13 To: <user13@example.org>
Sun Mar  1 13:15:33 2026 Info: MID 1520318 ICID 884228 RID 14 To: <user14@example.edu>
Sun Mar  1 13:15:33 2026 Info: MID 1520318 ICID 884228 RID 15 To: <user15@example.net>
Sun Mar  1 13:15:33 2026 Info: MID 1520318 ICID 884228 RID 16 To: <user16@example.org>
Sun Mar  1 13:15:33 2026 Info: MID 1520318 ICID 884228 RID 17 To: <user17@example.edu>
Sun Mar  1 13:15:33 2026 Info: MID 1520318 ICID 884228 RID 18 To: <user18@example.net>
Sun Mar  1 13:15:33 2026 Info: MID 1520318 ICID 884228 RID 19 To: <user19@example.org>
Sun Mar  1 13:15:33 2026 Info: MID 1520318 ICID 884228 RID 20 To: <user20@example.edu>
Sun Mar  1 13:15:33 2026 Info: MID 1520318 ICID 884228 RID 21 To: <user21@example.net>
Sun Mar  1 13:15:33 2026 Info: MID 1520318 ICID 884228 RID 22 To: <user22@example.org>
Sun Mar  1 13:15:33 2026 Info: MID 1520318 ICID 884228 RID 23 To: <user23@example.edu>
Sun Mar  1 13:15:34 2026 Info: MID 1520318 Message-ID '<6bba8d2141c9886e@example.com>'
Sun Mar  1 13:15:34 2026 Info: MID 1520318 Subject 'Unpaid invoice - last notice'
Sun Mar  1 13:15:34 2026 Info: MID 1520318 ready 48213 bytes from <m.rossi@example.com>
Sun Mar  1 13:15:34 2026 Info: MID 1520318 matched all recipients for per-recipient policy DEFAULT in the outbound table
Sun Mar  1 13:15:35 2026 Info: MID 1520318 antivirus negative
Sun Mar  1 13:15:36 2026 Info: MID 1520318 queued for delivery
Sun Mar  1 13:15:39 2026 Info: New SMTP DCID 310418 interface 192.0.2.10 address 198.51.100.140 port 25
Sun Mar  1 13:15:39 2026 Info: DCID 310418 TLS success protocol TLSv1.2 cipher ECDHE-RSA-AES256-GCM-SHA384
Sun Mar  1 13:15:39 2026 Info: Delivery start DCID 310418 MID 1520318 to RID [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23]
Sun Mar  1 13:15:40 2026 Info: Message done DCID 310418 MID 1520318 to RID [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23]
Sun Mar  1 13:15:40 2026 Info: MID 1520318 RID [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23] Response 'Ok: queued as E7D2DF2C20'
Sun Mar  1 13:15:40 2026 Info: Message finished MID 1520318 done
Sun Mar  1 13:15:45 2026 Info: DCID 310418 close
Sun Mar  1 13:16:03 2026 Info: Start MID 1520319 ICID 884228
Sun Mar  1 13:16:03 2026 Info: MID 1520319 ICID 884228 From: <m.rossi@example.com>
Sun Mar  1 13:16:03 2026 Info: MID 1520319 ICID 884228 RID 0 To: <user40@example.net>
Sun Mar  1 13:16:03 2026 Info: MID 1520319 ICID 884228 RID 1 To: <user41@example.org>
Sun Mar  1 13:16:03 2026 Info: MID 1520319 ICID 884228 RID 2 To: <user42@example.edu>
Sun Mar  1 13:16:03 2026 Info: MID 1520319 ICID 884228 RID 3 To: <user43@example.net>
Sun Mar  1 13:16:03 2026 Info: MID 1520319 ICID 884228 RID 4 To: <user44@example.org>
Sun Mar  1 13:16:03 2026 Info: MID 1520319 ICID 884228 RID 5 To: <user45@example.edu>
Sun Mar  1 13:16:03 2026 Info: MID 1520319 ICID 884228 RID 6 To: <user46@example.net>
Sun Mar  1 13:16:03 2026 Info: MID 1520319 ICID 884228 RID 7 To: <user47@example.org>
Sun Mar  1 13:16:03 2026 Info: MID 1520319 ICID 884228 RID 8 To: <user48@example.edu>
Sun Mar  1 13:16:03 2026 Info: MID 1520319 ICID 884228 RID 9 To: <user49@example.net>
Sun Mar  1 13:16:03 2026 Info: MID 1520319 ICID 884228 RID 10 To: <user50@example.org>
Sun Mar  1 13:16:03 2026 Info: MID 1520319 ICID 884228 RID 11 To: <user51@example.edu>
Sun Mar  1 13:16:03 2026 Info: MID 1520319 ICID 884228 RID 12 To: <user52@example.net>
Sun Mar  1 13:16:03 2026 Info: MID 1520319 ICID 884228 RID 13 To: <user53@example.org>
Sun Mar  1 13:16:03 2026 Info: MID 1520319 ICID 884228 RID 14 To: <user54@example.edu>
Sun Mar  1 13:16:03 2026 Info: MID 1520319 ICID 884228 RID 15 To: <user55@example.net>
Sun Mar  1 13:16:03 2026 Info: MID 1520319 ICID 884228 RID 16 To: <user56@example.org>
Sun Mar  1 13:16:03 2026 Info: MID 1520319 ICID 884228 RID 17 To: <user57@example.edu>
Sun Mar  1 13:16:03 2026 Info: MID 1520319 ICID 884228 RID 18 To: <user58@example.net>
Sun Mar  1 13:16:03 2026 Info: MID 1520319 ICID 884228 RID 19 To: <user59@example.org>
Sun Mar  1 13:16:03 2026 Info: MID 1520319 ICID 884228 RID 20 To: <user60@example.edu>
Sun Mar  1 13:16:03 2026 Info: MID 1520319 ICID 884228 RID 21 To: <user61@example.net>
Sun Mar  1 13:16:03 2026 Info: MID 1520319 ICID 884228 RID 22 To: <user62@example.org>
Sun Mar  1 13:16:03 2026 Info: MID 1520319 ICID 884228 RID 23 To: <user63@example.edu>
Sun Mar  1 13:16:04 2026 Info: MID 1520319 Message-ID '<7db224cb98b20411@example.com>'
Sun Mar  1 13:16:04 2026 Info: MID 1520319 Subject 'Unpaid invoice - last notice'
Sun Mar  1 13:16:04 2026 Info: MID 1520319 ready 48213 bytes from <m.rossi@example.com>
Sun Mar  1 13:16:04 2026 Info: MID 1520319 matched all recipients for per-recipient policy DEFAULT in the outbound table
Sun Mar  1 13:16:05 2026 Info: MID 1520319 antivirus negative
Sun Mar  1 13:16:06 2026 Info: MID 1520319 queued for delivery
Sun Mar  1 13:16:09 2026 Info: New SMTP DCID 310419 interface 192.0.2.10 address 198.51.100.141 port 25
Sun Mar  1 13:16:09 2026 Info: DCID 310419 TLS success protocol TLSv1.2 cipher ECDHE-RSA-AES256-GCM-SHA384
Sun Mar  1 13:16:09 2026 Info: Delivery start DCID 310419 MID 1520319 to RID [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23]
Sun Mar  1 13:16:10 2026 Info: Message done DCID 310419 MID 1520319 to RID [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23]
Sun Mar  1 13:16:10 2026 Info: MID 1520319 RID [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23] Response 'Ok: queued as 854B1E943E'
Sun Mar  1 13:16:10 2026 Info: Message finished MID 1520319 done
Sun Mar  1 13:16:15 2026 Info: DCID 310419 close
Sun Mar  1 13:16:48 2026 Info: ICID 884228 close
Sun Mar  1 13:30:00 2026 Info: Start MID 1520320 ICID 0
Sun Mar  1 13:30:00 2026 Info: MID 1520320 ICID 0 From: <alerts@example.com>
Sun Mar  1 13:30:00 2026 Info: MID 1520320 ICID 0 RID 0 To: <oncall@example.org>
Sun Mar  1 13:30:00 2026 Info: MID 1520320 Subject 'Info <System> esa1.example.com: daily report'
Sun Mar  1 13:30:00 2026 Info: MID 1520320 ready 2207 bytes from <alerts@example.com>
Sun Mar  1 13:30:01 2026 Info: MID 1520320 queued for delivery
Sun Mar  1 13:30:02 2026 Info: New SMTP DCID 310420 interface 192.0.2.10 address 198.51.100.250 port 587
Sun Mar  1 13:30:03 2026 Info: DCID 310420 TLS success protocol TLSv1.2 cipher ECDHE-RSA-AES256-GCM-SHA384
Sun Mar  1 13:30:04 2026 Info: DCID: 310420 IP: 198.51.100.250 SMTP authentication using the profile SmartHost failed: ('535', ['5.7.8 Error: authentication failed: password expired'])
Sun Mar  1 13:30:04 2026 Info: Delivery start DCID 310420 MID 1520320 to RID [0]
Sun Mar  1 13:30:05 2026 Info: Bounced: DCID 310420 MID 1520320 to RID 0 - Bounced by destination server with response: 5.1.0 - Unknown address error ('554', ['5.7.1 <oncall@example.org>: Relay access denied'])
Sun Mar  1 13:30:10 2026 Info: DCID 310420 close
Sun Mar  1 13:44:22 2026 Info: New SMTP ICID 884229 interface IncomingMail (192.0.2.10) address 203.0.113.211 reverse dns host unknown verified no
Sun Mar  1 13:44:22 2026 Info: ICID 884229 REJECT SG BLOCKLIST match sbrs[-10.0:-3.0] SBRS -3.9 country not applicable
Sun Mar  1 13:44:23 2026 Info: ICID 884229 close
Sun Mar  1 14:18:30 2026 Info: ICID 0 TCPREFUSE SG BLOCKED match 203.0.113.208 SBRS -9.5 country not applicable
Sun Mar  1 14:20:51 2026 Info: New SMTP ICID 884230 interface Submission (192.0.2.11) address 198.51.100.24 reverse dns host unknown verified no
Sun Mar  1 14:20:51 2026 Info: ICID 884230 ACCEPT SG SUBMISSION match ALL SBRS None country Italy
Sun Mar  1 14:20:52 2026 Info: ICID 884230 TLS success protocol TLSv1.3 cipher TLS_AES_256_GCM_SHA384
Sun Mar  1 14:20:53 2026 Info: SMTP Auth: (ICID 884230) succeeded for user: s.conti@example.com using AUTH mechanism: PLAIN with profile: SmtpAuth
Sun Mar  1 14:20:54 2026 Info: Start MID 1520321 ICID 884230
Sun Mar  1 14:20:54 2026 Info: MID 1520321 ICID 884230 From: <s.conti@example.com>
Sun Mar  1 14:20:54 2026 Info: MID 1520321 ICID 884230 RID 0 To: <paul@example.net>
Sun Mar  1 14:20:54 2026 Info: MID 1520321 ICID 884230 RID 1 To: <accounts@example.org>
Sun Mar  1 14:20:55 2026 Info: MID 1520321 Message-ID '<ead81dcd365fdcd6@example.com>'
Sun Mar  1 14:20:55 2026 Info: MID 1520321 Subject 'Re: offer 2026-114'
Sun Mar  1 14:20:55 2026 Info: MID 1520321 ready 38528 bytes from <s.conti@example.com>
Sun Mar  1 14:20:55 2026 Info: MID 1520321 matched all recipients for per-recipient policy DEFAULT in the outbound table
Sun Mar  1 14:20:56 2026 Info: MID 1520321 antivirus negative
Sun Mar  1 14:20:57 2026 Info: MID 1520321 queued for delivery
Sun Mar  1 14:20:58 2026 Info: New SMTP DCID 310421 interface 192.0.2.10 address 198.51.100.140 port 25
Sun Mar  1 14:20:58 2026 Info: DCID 310421 TLS success protocol TLSv1.2 cipher ECDHE-RSA-AES256-GCM-SHA384
Sun Mar  1 14:20:58 2026 Info: Delivery start DCID 310421 MID 1520321 to RID [0, 1]
Sun Mar  1 14:20:59 2026 Info: Message done DCID 310421 MID 1520321 to RID [0, 1]
Sun Mar  1 14:20:59 2026 Info: MID 1520321 RID [0, 1] Response 'Ok: queued as 04BFBD7D14'
Sun Mar  1 14:20:59 2026 Info: Message finished MID 1520321 done
Sun Mar  1 14:21:04 2026 Info: DCID 310421 close
Sun Mar  1 14:21:04 2026 Info: Start MID 1520322 ICID 884230
Sun Mar  1 14:21:04 2026 Info: MID 1520322 ICID 884230 From: <s.conti@example.com>
Sun Mar  1 14:21:04 2026 Info: MID 1520322 ICID 884230 RID 0 To: <support@example.org>
Sun Mar  1 14:21:05 2026 Info: MID 1520322 Message-ID '<0beddb070f7a0443@example.com>'
Sun Mar  1 14:21:05 2026 Info: MID 1520322 Subject 'Newsletter March'
Sun Mar  1 14:21:05 2026 Info: MID 1520322 ready 34445 bytes from <s.conti@example.com>
Sun Mar  1 14:21:05 2026 Info: MID 1520322 matched all recipients for per-recipient policy DEFAULT in the outbound table
Sun Mar  1 14:21:06 2026 Info: MID 1520322 antivirus negative
Sun Mar  1 14:21:07 2026 Info: MID 1520322 queued for delivery
Sun Mar  1 14:21:08 2026 Info: New SMTP DCID 310422 interface 192.0.2.10 address 198.51.100.140 port 25
Sun Mar  1 14:21:08 2026 Info: DCID 310422 TLS success protocol TLSv1.2 cipher ECDHE-RSA-AES256-GCM-SHA384
Sun Mar  1 14:21:08 2026 Info: Delivery start DCID 310422 MID 1520322 to RID [0]
Sun Mar  1 14:21:09 2026 Info: Message done DCID 310422 MID 1520322 to RID [0]
Sun Mar  1 14:21:09 2026 Info: MID 1520322 RID [0] Response 'Ok: queued as 5E482EA760'
Sun Mar  1 14:21:09 2026 Info: Message finished MID 1520322 done
Sun Mar  1 14:21:14 2026 Info: DCID 310422 close
Sun Mar  1 14:21:45 2026 Info: ICID 884230 close
Sun Mar  1 14:59:59 2026 Info: New SMTP ICID 884231 interface IncomingMail (192.0.2.10) address 203.0.113.140 reverse dns host out.example.net verified yes
Sun Mar  1 14:59:59 2026 Info: ICID 884231 ACCEPT SG UNKNOWNLIST match sbrs[-1.0:10.0] SBRS 3.5 country United States
Sun Mar  1 15:00:00 2026 Info: ICID 884231 TLS success protocol TLSv1.3 cipher TLS_AES_256_GCM_SHA384
Sun Mar  1 15:00:00 2026 Info: Start MID 1520324 ICID 0
Sun Mar  1 15:00:00 2026 Info: MID 1520324 ICID 0 From: <alerts@example.com>
Sun Mar  1 15:00:00 2026 Info: MID 1520324 ICID 0 RID 0 To: <oncall@example.org>
Sun Mar  1 15:00:00 2026 Info: MID 1520324 Subject 'Info <System> esa1.example.com: daily report'
Sun Mar  1 15:00:00 2026 Info: MID 1520324 ready 2207 bytes from <alerts@example.com>
Sun Mar  1 15:00:01 2026 Info: Start MID 1520323 ICID 884231
Sun Mar  1 15:00:01 2026 Info: MID 1520323 ICID 884231 From: <anna@example.net>
Sun Mar  1 15:00:01 2026 Info: MID 1520323 ICID 884231 RID 0 To: <g.ferrari@example.com>
Sun Mar  1 15:00:01 2026 Info: MID 1520324 queued for delivery
Sun Mar  1 15:00:02 2026 Info: MID 1520323 Message-ID '<b0f3e5fdbb9fab2b@example.net>'
Sun Mar  1 15:00:02 2026 Info: MID 1520323 Subject 'Invoice 8841'
Sun Mar  1 15:00:02 2026 Info: MID 1520323 ready 87905 bytes from <anna@example.net>
Sun Mar  1 15:00:02 2026 Info: MID 1520323 matched all recipients for per-recipient policy DEFAULT in the inbound table
Sun Mar  1 15:00:02 2026 Info: New SMTP DCID 310424 interface 192.0.2.10 address 198.51.100.250 port 587
Sun Mar  1 15:00:03 2026 Info: MID 1520323 interim verdict using engine: CASE spam negative
Sun Mar  1 15:00:03 2026 Info: MID 1520323 using engine: CASE spam negative
Sun Mar  1 15:00:03 2026 Info: MID 1520323 interim AV verdict using Sophos CLEAN
Sun Mar  1 15:00:03 2026 Info: MID 1520323 antivirus negative
Sun Mar  1 15:00:03 2026 Info: DCID 310424 TLS success protocol TLSv1.2 cipher ECDHE-RSA-AES256-GCM-SHA384
Sun Mar  1 15:00:04 2026 Info: MID 1520323 queued for delivery
Sun Mar  1 15:00:04 2026 Info: DCID: 310424 IP: 198.51.100.250 SMTP authentication using the profile SmartHost failed: ('535', ['5.7.8 Error: authentication failed: password expired'])
Sun Mar  1 15:00:04 2026 Info: Delivery start DCID 310424 MID 1520324 to RID [0]
Sun Mar  1 15:00:05 2026 Info: New SMTP DCID 310423 interface 192.0.2.10 address 192.0.2.25 port 25
Sun Mar  1 15:00:05 2026 Info: DCID 310423 TLS success protocol TLSv1.2 cipher ECDHE-RSA-AES256-GCM-SHA384
Sun Mar  1 15:00:05 2026 Info: Delivery start DCID 310423 MID 1520323 to RID [0]
Sun Mar  1 15:00:05 2026 Info: Bounced: DCID 310424 MID 1520324 to RID 0 - Bounced by destination server with response: 5.1.0 - Unknown address error ('554', ['5.7.1 <oncall@example.org>: Relay access denied'])
Sun Mar  1 15:00:06 2026 Info: Message done DCID 310423 MID 1520323 to RID [0]
Sun Mar  1 15:00:06 2026 Info: MID 1520323 RID [0] Response 'Ok: queued as 95859DCAC8'
Sun Mar  1 15:00:06 2026 Info: Message finished MID 1520323 done
Sun Mar  1 15:00:07 2026 Info: ICID 884231 close
Sun Mar  1 15:00:10 2026 Info: DCID 310424 close
Sun Mar  1 15:00:11 2026 Info: DCID 310423 close
Sun Mar  1 15:05:16 2026 Info: New SMTP ICID 884232 interface IncomingMail (192.0.2.10) address 203.0.113.91 reverse dns host unknown verified no
Sun Mar  1 15:05:16 2026 Info: ICID 884232 ACCEPT SG UNKNOWNLIST match sbrs[-1.0:10.0] SBRS -0.4 country not enabled
Sun Mar  1 15:05:17 2026 Info: Start MID 1520325 ICID 884232
Sun Mar  1 15:05:17 2026 Info: MID 1520325 ICID 884232 From: <ceo@example.net>
Sun Mar  1 15:05:17 2026 Info: MID 1520325 ICID 884232 RID 0 To: <m.rossi@example.com>
Sun Mar  1 15:05:18 2026 Info: MID 1520325 Message-ID '<08fb09a0970216fc@example.net>'
Sun Mar  1 15:05:18 2026 Info: MID 1520325 Subject 'Info: SMTP Auth: (ICID 884232) succeeded for user: ceo@example.com using AUTH mechanism: PLAIN with profile: SmtpAuth'
Sun Mar  1 15:05:18 2026 Info: MID 1520325 ready 20195 bytes from <ceo@example.net>
Sun Mar  1 15:05:18 2026 Info: MID 1520325 matched all recipients for per-recipient policy DEFAULT in the inbound table
Sun Mar  1 15:05:19 2026 Info: MID 1520325 interim verdict using engine: CASE spam positive
Sun Mar  1 15:05:19 2026 Info: MID 1520325 using engine: CASE spam positive
Sun Mar  1 15:05:19 2026 Info: MID 1520325 interim AV verdict using Sophos CLEAN
Sun Mar  1 15:05:19 2026 Info: MID 1520325 antivirus negative
Sun Mar  1 15:05:20 2026 Info: MID 1520325 queued for delivery
Sun Mar  1 15:05:22 2026 Info: New SMTP DCID 310425 interface 192.0.2.10 address 192.0.2.25 port 25
Sun Mar  1 15:05:22 2026 Info: DCID 310425 TLS success protocol TLSv1.2 cipher ECDHE-RSA-AES256-GCM-SHA384
Sun Mar  1 15:05:22 2026 Info: Delivery start DCID 310425 MID 1520325 to RID [0]
Sun Mar  1 15:05:23 2026 Info: Message done DCID 310425 MID 1520325 to RID [0]
Sun Mar  1 15:05:23 2026 Info: MID 1520325 RID [0] Response 'Ok: queued as 04EC7038C9'
Sun Mar  1 15:05:23 2026 Info: Message finished MID 1520325 done
Sun Mar  1 15:05:24 2026 Info: ICID 884232 close
Sun Mar  1 15:05:28 2026 Info: DCID 310425 close
Sun Mar  1 15:07:27 2026 Info: New SMTP ICID 884233 interface IncomingMail (192.0.2.10) address 198.51.100.142 reverse dns host smtp.example.edu verified yes
Sun Mar  1 15:07:27 2026 Info: ICID 884233 ACCEPT SG UNKNOWNLIST match sbrs[-1.0:10.0] SBRS 5.1 country France
Sun Mar  1 15:07:28 2026 Info: ICID 884233 TLS success protocol TLSv1.2 cipher ECDHE-RSA-AES256-GCM-SHA384
Sun Mar  1 15:07:29 2026 Info: Start MID 1520326 ICID 884233
Sun Mar  1 15:07:29 2026 Info: MID 1520326 ICID 884233 From: <news@example.edu>
Sun Mar  1 15:07:29 2026 Info: MID 1520326 ICID 884233 RID 0 To: <m.rossi@example.com>
Sun Mar  1 15:07:30 2026 Info: MID 1520326 Message-ID '<7b73ccf813284c79@example.edu>'
Sun Mar  1 15:07:30 2026 Info: MID 1520326 Subject 'Lunch?'
Sun Mar  1 15:07:30 2026 Info: MID 1520326 ready 85185 bytes from <news@example.edu>
Sun Mar  1 15:07:30 2026 Info: MID 1520326 matched all recipients for per-recipient policy DEFAULT in the inbound table
Sun Mar  1 15:07:31 2026 Info: MID 1520326 interim verdict using engine: CASE spam negative
Sun Mar  1 15:07:31 2026 Info: MID 1520326 using engine: CASE spam negative
Sun Mar  1 15:07:31 2026 Info: MID 1520326 interim AV verdict using Sophos CLEAN
Sun Mar  1 15:07:31 2026 Info: MID 1520326 antivirus negative
Sun Mar  1 15:07:32 2026 Info: MID 1520326 queued for delivery
Sun Mar  1 15:07:33 2026 Info: New SMTP DCID 310426 interface 192.0.2.10 address 192.0.2.25 port 25
Sun Mar  1 15:07:33 2026 Info: DCID 310426 TLS success protocol TLSv1.2 cipher ECDHE-RSA-AES256-GCM-SHA384
Sun Mar  1 15:07:33 2026 Info: Delivery start DCID 310426 MID 1520326 to RID [0]
Sun Mar  1 15:07:34 2026 Info: Message done DCID 310426 MID 1520326 to RID [0]
Sun Mar  1 15:07:34 2026 Info: MID 1520326 RID [0] Response 'Ok: queued as BB1138A4E4'
Sun Mar  1 15:07:34 2026 Info: Message finished MID 1520326 done
Sun Mar  1 15:07:35 2026 Info: ICID 884233 close
Sun Mar  1 15:07:39 2026 Info: DCID 310426 close
Sun Mar  1 15:30:00 2026 Info: New SMTP ICID 884234 interface Submission (192.0.2.11) address 192.0.2.131 reverse dns host scanner-2f.example.com verified yes
Sun Mar  1 15:30:00 2026 Info: ICID 884234 RELAY SG RELAYLIST match 192.0.2.0/24 SBRS None country not applicable
Sun Mar  1 15:30:02 2026 Info: SMTP Auth: (ICID 884234) succeeded for user: scanner-2f using AUTH mechanism: LOGIN with profile: SmtpAuth
Sun Mar  1 15:30:03 2026 Info: Start MID 1520327 ICID 884234
Sun Mar  1 15:30:03 2026 Info: MID 1520327 ICID 884234 From: <scanner-2f@example.com>
Sun Mar  1 15:30:03 2026 Info: MID 1520327 ICID 884234 RID 0 To: <orders@example.net>
Sun Mar  1 15:30:04 2026 Info: MID 1520327 Message-ID '<73fdc19413446df8@example.com>'
Sun Mar  1 15:30:04 2026 Info: MID 1520327 Subject 'Order confirmation'
Sun Mar  1 15:30:04 2026 Info: MID 1520327 ready 11293 bytes from <scanner-2f@example.com>
Sun Mar  1 15:30:04 2026 Info: MID 1520327 matched all recipients for per-recipient policy DEFAULT in the outbound table
Sun Mar  1 15:30:05 2026 Info: MID 1520327 antivirus negative
Sun Mar  1 15:30:06 2026 Info: MID 1520327 queued for delivery
Sun Mar  1 15:30:07 2026 Info: New SMTP DCID 310427 interface 192.0.2.10 address 203.0.113.140 port 25
Sun Mar  1 15:30:07 2026 Info: DCID 310427 TLS success protocol TLSv1.2 cipher ECDHE-RSA-AES256-GCM-SHA384
Sun Mar  1 15:30:07 2026 Info: Delivery start DCID 310427 MID 1520327 to RID [0]
Sun Mar  1 15:30:08 2026 Info: Message done DCID 310427 MID 1520327 to RID [0]
Sun Mar  1 15:30:08 2026 Info: MID 1520327 RID [0] Response 'Ok: queued as BC5E268FA0'
Sun Mar  1 15:30:08 2026 Info: Message finished MID 1520327 done
Sun Mar  1 15:30:13 2026 Info: DCID 310427 close
Sun Mar  1 15:30:13 2026 Info: ICID 884234 close
Sun Mar  1 15:36:20 2026 Info: New SMTP ICID 884235 interface IncomingMail (192.0.2.10) address 203.0.113.247 reverse dns host unknown verified no
Sun Mar  1 15:36:20 2026 Info: ICID 884235 REJECT SG BLOCKLIST match sbrs[-10.0:-3.0] SBRS -4.7 country not applicable
Sun Mar  1 15:36:21 2026 Info: ICID 884235 close
Sun Mar  1 16:11:47 2026 Info: New SMTP ICID 884236 interface Submission (192.0.2.11) address 203.0.113.9 reverse dns host scan9.example.net verified no
Sun Mar  1 16:11:47 2026 Info: ICID 884236 ACCEPT SG SUBMISSION match ALL SBRS None country not enabled
Sun Mar  1 16:12:17 2026 Info: SMTP Auth (ICID 884236) was required but remote host did not initiate it
Sun Mar  1 16:12:17 2026 Info: ICID 884236 close
Sun Mar  1 16:31:43 2026 Info: New SMTP ICID 884237 interface IncomingMail (192.0.2.10) address 203.0.113.250 reverse dns host unknown verified no
Sun Mar  1 16:31:43 2026 Info: ICID 884237 REJECT SG BLOCKLIST match sbrs[-10.0:-3.0] SBRS -7.4 country not applicable
Sun Mar  1 16:31:44 2026 Info: ICID 884237 close
Sun Mar  1 16:48:02 2026 Info: New SMTP ICID 884238 interface Submission (192.0.2.11) address 198.51.100.22 reverse dns host unknown verified no
Sun Mar  1 16:48:02 2026 Info: ICID 884238 ACCEPT SG SUBMISSION match ALL SBRS None country Italy
Sun Mar  1 16:48:03 2026 Info: ICID 884238 TLS success protocol TLSv1.2 cipher ECDHE-RSA-AES256-GCM-SHA384
Sun Mar  1 16:48:04 2026 Info: SMTP Auth: (ICID 884238) succeeded for user: a.bianchi@example.com using AUTH mechanism: LOGIN with profile: SmtpAuth
Sun Mar  1 16:48:05 2026 Info: Start MID 1520328 ICID 884238
Sun Mar  1 16:48:05 2026 Info: MID 1520328 ICID 884238 From: <a.bianchi@example.com>
Sun Mar  1 16:48:05 2026 Info: MID 1520328 ICID 884238 RID 0 To: <sales@example.net>
Sun Mar  1 16:48:06 2026 Info: MID 1520328 Message-ID '<db77b923df007dfa@example.com>'
Sun Mar  1 16:48:06 2026 Info: MID 1520328 Subject 'Newsletter March'
Sun Mar  1 16:48:06 2026 Info: MID 1520328 ready 11980 bytes from <a.bianchi@example.com>
Sun Mar  1 16:48:06 2026 Info: MID 1520328 matched all recipients for per-recipient policy DEFAULT in the outbound table
Sun Mar  1 16:48:07 2026 Info: MID 1520328 antivirus negative
Sun Mar  1 16:48:08 2026 Info: MID 1520328 queued for delivery
Sun Mar  1 16:48:09 2026 Info: New SMTP DCID 310428 interface 192.0.2.10 address 198.51.100.141 port 25
Sun Mar  1 16:48:09 2026 Info: DCID 310428 TLS success protocol TLSv1.2 cipher ECDHE-RSA-AES256-GCM-SHA384
Sun Mar  1 16:48:09 2026 Info: Delivery start DCID 310428 MID 1520328 to RID [0]
Sun Mar  1 16:48:10 2026 Info: Message done DCID 310428 MID 1520328 to RID [0]
Sun Mar  1 16:48:10 2026 Info: MID 1520328 RID [0] Response 'Ok: queued as CAF1B9AB7C'
Sun Mar  1 16:48:10 2026 Info: Message finished MID 1520328 done
Sun Mar  1 16:48:14 2026 Info: ICID 884238 close
Sun Mar  1 16:48:15 2026 Info: DCID 310428 close
Sun Mar  1 16:52:55 2026 Info: New SMTP ICID 884239 interface IncomingMail (192.0.2.10) address 198.51.100.142 reverse dns host smtp.example.edu verified yes
Sun Mar  1 16:52:55 2026 Info: ICID 884239 ACCEPT SG UNKNOWNLIST match sbrs[-1.0:10.0] SBRS 5.1 country France
Sun Mar  1 16:52:57 2026 Info: Start MID 1520329 ICID 884239
Sun Mar  1 16:52:57 2026 Info: MID 1520329 ICID 884239 From: <anna@example.edu>
Sun Mar  1 16:52:57 2026 Info: MID 1520329 ICID 884239 RID 0 To: <e.marino@example.com>
Sun Mar  1 16:52:58 2026 Info: MID 1520329 Message-ID '<127eeabe9bdeb398@example.edu>'
Sun Mar  1 16:52:58 2026 Info: MID 1520329 Subject 'Lunch?'
Sun Mar  1 16:52:58 2026 Info: MID 1520329 ready 3431 bytes from <anna@example.edu>
Sun Mar  1 16:52:58 2026 Info: MID 1520329 matched all recipients for per-recipient policy DEFAULT in the inbound table
Sun Mar  1 16:52:59 2026 Info: MID 1520329 interim verdict using engine: CASE spam negative
Sun Mar  1 16:52:59 2026 Info: MID 1520329 using engine: CASE spam negative
Sun Mar  1 16:52:59 2026 Info: MID 1520329 interim AV verdict using Sophos CLEAN
Sun Mar  1 16:52:59 2026 Info: MID 1520329 antivirus negative
Sun Mar  1 16:53:00 2026 Info: MID 1520329 queued for delivery
Sun Mar  1 16:53:01 2026 Info: New SMTP DCID 310429 interface 192.0.2.10 address 192.0.2.25 port 25
Sun Mar  1 16:53:01 2026 Info: DCID 310429 TLS success protocol TLSv1.2 cipher ECDHE-RSA-AES256-GCM-SHA384
Sun Mar  1 16:53:01 2026 Info: Delivery start DCID 310429 MID 1520329 to RID [0]
Sun Mar  1 16:53:02 2026 Info: Message done DCID 310429 MID 1520329 to RID [0]
Sun Mar  1 16:53:02 2026 Info: MID 1520329 RID [0] Response 'Ok: queued as 1714881EDC'
Sun Mar  1 16:53:02 2026 Info: Message finished MID 1520329 done
Sun Mar  1 16:53:03 2026 Info: ICID 884239 close
Sun Mar  1 16:53:07 2026 Info: DCID 310429 close
Sun Mar  1 16:57:46 2026 Info: ICID 0 TCPREFUSE SG BLOCKED match 203.0.113.240 SBRS -7.6 country not applicable
Sun Mar  1 17:00:00 2026 Info: Start MID 1520330 ICID 0
Sun Mar  1 17:00:00 2026 Info: MID 1520330 ICID 0 From: <alerts@example.com>
Sun Mar  1 17:00:00 2026 Info: MID 1520330 ICID 0 RID 0 To: <oncall@example.org>
Sun Mar  1 17:00:00 2026 Info: MID 1520330 Subject 'Info <System> esa1.example.com: daily report'
Sun Mar  1 17:00:00 2026 Info: MID 1520330 ready 2207 bytes from <alerts@example.com>
Sun Mar  1 17:00:01 2026 Info: MID 1520330 queued for delivery
Sun Mar  1 17:00:02 2026 Info: New SMTP DCID 310430 interface 192.0.2.10 address 198.51.100.250 port 587
Sun Mar  1 17:00:03 2026 Info: DCID 310430 TLS success protocol TLSv1.2 cipher ECDHE-RSA-AES256-GCM-SHA384
Sun Mar  1 17:00:04 2026 Info: DCID: 310430 IP: 198.51.100.250 SMTP authentication using the profile SmartHost failed: ('535', ['5.7.8 Error: authentication failed: password expired'])
Sun Mar  1 17:00:04 2026 Info: Delivery start DCID 310430 MID 1520330 to RID [0]
Sun Mar  1 17:00:05 2026 Info: Bounced: DCID 310430 MID 1520330 to RID 0 - Bounced by destination server with response: 5.1.0 - Unknown address error ('554', ['5.7.1 <oncall@example.org>: Relay access denied'])
Sun Mar  1 17:00:10 2026 Info: DCID 310430 close
Sun Mar  1 17:18:53 2026 Info: New SMTP ICID 884240 interface IncomingMail (192.0.2.10) address 203.0.113.226 reverse dns host unknown verified no
Sun Mar  1 17:18:53 2026 Info: ICID 884240 REJECT SG BLOCKLIST match sbrs[-10.0:-3.0] SBRS -8.0 country not applicable
Sun Mar  1 17:18:54 2026 Info: ICID 884240 close
Sun Mar  1 17:41:01 2026 Info: New SMTP ICID 884241 interface IncomingMail (192.0.2.10) address 203.0.113.247 reverse dns host unknown verified no
Sun Mar  1 17:41:01 2026 Info: ICID 884241 REJECT SG BLOCKLIST match sbrs[-10.0:-3.0] SBRS -8.9 country not applicable
Sun Mar  1 17:41:02 2026 Info: ICID 884241 close
Sun Mar  1 18:00:00 2026 Info: End Logfile
