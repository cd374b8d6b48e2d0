import requests

def handler(pd: "pipedream"):
    headers = {
      'Content-Type': 'application/json',
      'Authorization': f'Bearer {pd.inputs["pipedream"]["$auth"]["api_key"]}',
    };
    r = requests.get("https://api.pipedream.com/v1/accounts/<ACCOUNT_ID>/credentials", headers=headers)
    return r.json()
