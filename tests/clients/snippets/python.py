import requests

headers = {
  'Content-Type': 'application/json',
  'Authorization': f'Bearer <PIPEDREAM_API_KEY>',
};
r = requests.get("https://api.pipedream.com/v1/accounts/<ACCOUNT_ID>/credentials", headers=headers)

# Credentials are in data.data.credentials
data = r.json()
