Tue Mar  3 10:00:02 2026 Info: Begin Logfile
Tue Mar  3 10:00:02 2026 Info: Version: 15.0.0-104 SN: 4239AA00112233445566-BBBBBBB
Tue Mar  3 10:00:02 2026 Info: Time offset from UTC: 3600 seconds
Tue Mar  3 10:00:07 2026 Info: SMTP Auth: (ICID 9) succeeded for user: u@example.com using AUTH mechanism: PLAIN with profile: Users
Tue Mar  3 10:00:08 2026 Info: DCID: 4 IP: 198.51.100.25 SMTP authentication using the profile Out succeeded.
