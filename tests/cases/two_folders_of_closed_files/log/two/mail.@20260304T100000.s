Wed Mar  4 10:00:05 2026 Info: SMTP Auth: (ICID 7) failed for user: own@example.com using AUTH mechanism: LOGIN with profile: Users
