"""What people and services read: reports today, the API and the board later."""
