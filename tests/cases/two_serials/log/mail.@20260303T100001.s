Tue Mar  3 10:00:01 2026 Info: Begin Logfile
Tue Mar  3 10:00:01 2026 Info: Version: 15.0.0-104 SN: 4239AA00112233445566-AAAAAAA
Tue Mar  3 10:00:01 2026 Info: Time offset from UTC: 3600 seconds
Tue Mar  3 10:00:05 2026 Info: New SMTP ICID 9 interface Mail (192.0.2.20) address 203.0.113.9 reverse dns host unknown verified no
Tue Mar  3 10:00:06 2026 Info: New SMTP DCID 4 interface 192.0.2.20 address 198.51.100.25 port 25
