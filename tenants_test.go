package grantor_test

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/grantor-go/grantor/oautherr"
	"github.com/grantor-go/grantor/token"
)

func TestIssuersThatShareAStore(t *testing.T) {
	for name, format := range map[string]token.Format{"opaque": token.Opaque{}, "JWT": nil} {
		t.Run("SC-11, IN-03 one issuer's "+name+" tokens, codes and consents are nothing at another, store and keys shared or not", func(t *testing.T) {
			a := newFixture(t, func(f *fixture) { f.config.AccessTokens = format })
			b := newFixture(t, func(f *fixture) {
				f.config.AccessTokens, f.config.Issuer, f.config.Store, f.config.Keys = format, issuer+"/b", a.memory, a.config.Keys
			})
			atB := func(path, id string, form url.Values) *reply { return b.post("/b"+path, id, form) }
			tokens := a.tokens("conf-a")
			access, refresh := tokens.str(t, "access_token"), tokens.str(t, "refresh_token")
			for _, tok := range []string{access, refresh, a.machineToken("m2m")} {
				if _, err := b.server.Verify(t.Context(), tok); !errors.Is(err, oautherr.InvalidToken) {
					t.Errorf("Verify: got %v", err)
				}
				if got := atB("/introspect", "rs", url.Values{"token": {tok}}); got.body != inactive {
					t.Errorf("introspection: got %s", got.body)
				}
				require.Equal(t, http.StatusOK, atB("/revoke", "conf-a", url.Values{"token": {tok}}).StatusCode)
			}
			b.refused(atB("/token", "conf-a", refreshForm(refresh)), http.StatusBadRequest, "invalid_grant")
			q := request("conf-a")
			code := a.browser("alice").code(q)
			b.refused(atB("/token", "conf-a", codeForm(code, q)), http.StatusBadRequest, "invalid_grant")
			res := b.browser("alice").open(issuer+"/b/authorize?"+request("conf-a", "prompt", "none").Encode(), nil)
			if got := res.answer(t).Get("error"); got != "consent_required" {
				t.Errorf("consent given to one issuer answers for another: %q", got)
			}
			require.True(t, a.alive(access), "the other issuer revoked it")
			require.Equal(t, http.StatusOK, a.post("/token", "conf-a", codeForm(code, q)).StatusCode)
		})
	}
	t.Run("SC-11 with brands of their own, not even the store is asked", func(t *testing.T) {
		a := newFixture(t, func(f *fixture) { f.config.Secrets.Brand = "uat" })
		tok := a.tokens("spa").str(t, "access_token")
		require.True(t, strings.HasPrefix(tok, "uat_at_"), "%s", tok)
		b := newFixture(t, func(f *fixture) { f.config.Store = noStore{} })
		if _, err := b.server.Verify(t.Context(), tok); !errors.Is(err, oautherr.InvalidToken) {
			t.Errorf("got %v", err)
		}
	})
}
