curl 'https://api.pipedream.com/v1/accounts/<ACCOUNT_ID>/credentials' \
  -H "Authorization: Bearer <PIPEDREAM_API_KEY>"
