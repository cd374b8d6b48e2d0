export default defineComponent({
  props: {
    pipedream: {
      type: "app",
      app: "pipedream",
    },
    accountId: {
      type: "string",
      label: "Account ID",
    },
  },
  async run({ steps, $ }) {
    const url = `https://api.pipedream.com/v1/accounts/${this.accoundId}/credentials`;
    const headers = {
      "Content-Type": "application/json",
      Authorization: `Bearer ${this.pipedream.$auth.api_key}`,
    };

    const response = await fetch(url, {
      method: "GET",
      headers,
    });
    if (!response.ok) throw new Error(`API request failed: ${response.status}`);
    return await response.json();
  },
});
