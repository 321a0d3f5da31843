package grantor_test

import (
	"net/http"
	"net/url"
	"testing"
)

func TestAFlowFromSignInToRevocation(t *testing.T) {
	for _, clientID := range []string{"conf-a", "pub", "spa", "first"} {
		t.Run("client "+clientID+" gets, refreshes, introspects and revokes tokens", func(t *testing.T) {
			f := newFixture(t)
			res := f.tokens(clientID)
			first, refresh := res.str(t, "access_token"), res.str(t, "refresh_token")
			if !f.alive(first) {
				t.Fatalf("the access token is not alive")
			}
			res = f.post("/token", clientID, refreshForm(refresh))
			second := res.str(t, "access_token")
			if res.StatusCode != http.StatusOK || !f.alive(second) || res.str(t, "refresh_token") == refresh {
				t.Fatalf("got %d %s", res.StatusCode, res.body)
			}
			again := f.post("/token", clientID, refreshForm(refresh))
			if again.body != res.body {
				t.Errorf("a repeated refresh returned something else:\n%s\n%s", again.body, res.body)
			}
			res = f.post("/revoke", clientID, url.Values{"token": {res.str(t, "refresh_token")}})
			if res.StatusCode != http.StatusOK || f.alive(first) || f.alive(second) {
				t.Errorf("tokens outlive the revocation of their refresh token")
			}
		})
	}
}
