const url = `https://api.pipedream.com/v1/accounts/<ACCOUNT_ID>/credentials`;
const headers = {
  "Content-Type": "application/json",
  Authorization: `Bearer <PIPEDREAM_API_KEY>`,
};

const response = await fetch(url, {
  method: "GET",
  headers,
});
if (!response.ok) throw new Error(`API request failed: ${response.status}`);

// Credentials are in data.credentials
const { data } = await response.json();
