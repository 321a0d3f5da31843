package oauthtest_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/grantor-go/grantor/oauthtest"
	"github.com/grantor-go/grantor/resource"
)

// An API in the same program as the server: every request asks the store, so that
// revocation bites at once. For a JWT that was seen before 2 µs are the budget.
func BenchmarkGuardServer(b *testing.B) {
	as := oauthtest.New(b)
	res, err := as.Client().PostForm(as.Issuer+"/token", url.Values{
		"grant_type": {"client_credentials"}, "client_id": {oauthtest.Machine}, "client_secret": {as.Secret}, "scope": {"read"},
	})
	if err != nil {
		b.Fatal(err)
	}
	var machine oauthtest.Tokens
	if err := json.NewDecoder(res.Body).Decode(&machine); err != nil {
		b.Fatal(err)
	}
	for name, tok := range map[string]string{
		"JWT of a machine": machine.AccessToken,
		"JWT of a user":    as.Token(oauthtest.As{Subject: "alice", Scopes: []string{"read"}}),
		"opaque":           as.Token(oauthtest.As{Subject: "alice", Scopes: []string{"read"}, Opaque: true}),
	} {
		b.Run(name, func(b *testing.B) {
			passes := 0
			h := resource.Guard{Verifier: as}.Require("read")(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { passes++ }))
			r, w := httptest.NewRequest(http.MethodGet, as.Issuer, nil), httptest.NewRecorder()
			r.Header.Set("Authorization", "Bearer "+tok)
			b.ReportAllocs()
			for b.Loop() {
				h.ServeHTTP(w, r)
			}
			if passes == 0 || w.Code != http.StatusOK {
				b.Fatalf("%d %s", w.Code, w.Body)
			}
		})
	}
}
