Wed Mar  4 10:00:00 2026 Info: New SMTP ICID 7 interface Data 1 (192.0.2.20) address 198.51.100.31 reverse dns host unknown verified no
