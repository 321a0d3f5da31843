package grantor_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/grantor-go/grantor"
	"github.com/grantor-go/grantor/client"
	"github.com/grantor-go/grantor/secret"
	"github.com/grantor-go/grantor/store"
)

// The authorization code grant at the token endpoint: who may redeem a code, and
// what an attempt that fails leaves behind.

// changed returns a copy of form with pairs overwritten or, with an empty value,
// removed.
func changed(form url.Values, pairs ...string) url.Values {
	out := url.Values{}
	for name, values := range form {
		out[name] = values
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			out.Del(pairs[i])
		} else {
			out.Set(pairs[i], pairs[i+1])
		}
	}
	return out
}

// damaged are strings that differ from a good credential in a little.
func damaged(s string) map[string]string {
	swapped := strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z':
			return r - 'a' + 'A'
		case 'A' <= r && r <= 'Z':
			return r - 'A' + 'a'
		}
		return r
	}, s)
	last := s[:len(s)-1] + string("01"[(s[len(s)-1]&1)^1])
	middle := []byte(s)
	middle[40] ^= 1
	if c := middle[40]; (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
		middle[40] = 'Z'
	}
	return map[string]string{
		"truncated": s[:len(s)-1], "cut to half": s[:len(s)/2], "cut to its prefix": s[:11], "extended": s + "0", "doubled": s + s,
		"case-swapped": swapped, "in capitals": strings.ToUpper(s), "wrapped in spaces": " " + s + " ", "followed by a line end": s + "\r\n",
		"quoted": `"` + s + `"`, "with its last character changed": last, "with one bit changed": string(middle), "of full-width letters": strings.Repeat("ａ", 82),
	}
}

func TestCodeIsBoundToItsRequest(t *testing.T) {
	for name, c := range map[string]struct {
		clientID string // who redeems
		change   []string
		status   int
		code     string
	}{
		"CD-04 another confidential client":             {"conf-b", nil, 400, "invalid_grant"},
		"CD-05 a public client":                         {"pub", nil, 400, "invalid_grant"},
		"CD-06 another redirect URI":                    {"conf-a", []string{"redirect_uri", callback + "2"}, 400, "invalid_grant"},
		"CD-06 the redirect URI with a query added":     {"conf-a", []string{"redirect_uri", callback + "?"}, 400, "invalid_grant"},
		"CD-06 the redirect URI in capitals":            {"conf-a", []string{"redirect_uri", strings.ToUpper(callback)}, 400, "invalid_grant"},
		"CD-07 no redirect URI":                         {"conf-a", []string{"redirect_uri", ""}, 400, "invalid_grant"},
		"RG-4 no verifier though there was a challenge": {"conf-a", []string{"code_verifier", ""}, 400, "invalid_grant"},
		"RG-4 another verifier":                         {"conf-a", []string{"code_verifier", strings.Repeat("a", 43)}, 400, "invalid_grant"},
		"the challenge in place of the verifier":        {"conf-a", []string{"code_verifier", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"}, 400, "invalid_grant"},
		"a scope that is malformed":                     {"conf-a", []string{"scope", "a\"b"}, 400, "invalid_scope"},
		"a resource that nobody knows":                  {"conf-a", []string{"resource", "https://unknown.example"}, 400, "invalid_target"},
		"a resource that was not part of the request":   {"conf-a", []string{"resource", "https://api.example"}, 400, "invalid_target"},
		"no code": {"conf-a", []string{"code", ""}, 400, "invalid_request"},
		"a code with a NUL, which spoils the form (TK-09)":      {"conf-a", []string{"code", "\x00"}, 400, "invalid_request"},
		"CD-10 a code that is no code":                          {"conf-a", []string{"code", "x"}, 400, "invalid_grant"},
		"CD-10 a well-formed code that was never issued":        {"conf-a", []string{"code", secret.Format{}.New(secret.Code).Reveal()}, 400, "invalid_grant"},
		"CD-17 the code as a refresh token":                     {"conf-a", []string{"grant_type", "refresh_token", "refresh_token", "CODE"}, 400, "invalid_grant"},
		"CD-17 the code as a device code, which is no grant":    {"conf-a", []string{"grant_type", "urn:ietf:params:oauth:grant-type:device_code", "device_code", "CODE"}, 400, "unsupported_grant_type"},
		"a code of the same locator with another secret":        {"conf-a", []string{"code", "FORGED"}, 400, "invalid_grant"},
		"CD-17 RT-17 a token of the same locator, another kind": {"conf-a", []string{"code", "RELABELLED"}, 400, "invalid_grant"},
	} {
		t.Run(name+" redeems nothing and spends nothing", func(t *testing.T) {
			f := newFixture(t)
			q := request("conf-a")
			code := f.browser("alice").code(q)
			h, err := secret.Format{}.Parse(code)
			require.NoError(t, err)
			form := changed(codeForm(code, q), c.change...)
			for name, values := range form {
				switch values[0] {
				case "CODE":
					form.Set(name, code)
				case "FORGED":
					form.Set(name, secret.Format{}.Issue(secret.Code, h.Locator()).Reveal())
				case "RELABELLED":
					form.Set(name, secret.Format{}.Compose(secret.RefreshToken, h.Locator(), code[len(code)-49:len(code)-6]).Reveal())
				}
			}
			f.refused(f.post("/token", c.clientID, form), c.status, c.code)
			res := f.post("/token", "conf-a", codeForm(code, q))
			f.granted(res)
			require.True(t, f.alive(res.str(t, "access_token")))
		})
	}
	t.Run("CD-10 a damaged code redeems nothing", func(t *testing.T) {
		f := newFixture(t)
		q := request("conf-a")
		code := f.browser("alice").code(q)
		for how, s := range damaged(code) {
			res := f.post("/token", "conf-a", changed(codeForm(code, q), "code", s))
			if res.StatusCode != 400 || res.str(t, "error") != "invalid_grant" {
				t.Errorf("%s: got %d %s", how, res.StatusCode, res.body)
			}
		}
		f.granted(f.post("/token", "conf-a", codeForm(code, q)))
	})
	t.Run("RG-4 a verifier for a request without a challenge is refused, and an empty one is as none", func(t *testing.T) {
		f := newFixture(t)
		q := request("bare", "code_challenge", "", "code_challenge_method", "")
		form := codeForm(f.browser("alice").code(q), q)
		f.refused(f.post("/token", "bare", form), 400, "invalid_grant")
		form.Set("code_verifier", "")
		f.granted(f.post("/token", "bare", form))
	})
	t.Run("refusals of a code say nothing about which one it was", func(t *testing.T) {
		f := newFixture(t)
		q := request("conf-a")
		code := f.browser("alice").code(q)
		unknown := f.post("/token", "conf-b", changed(codeForm(code, q), "code", secret.Format{}.New(secret.Code).Reveal()))
		others := f.post("/token", "conf-b", codeForm(code, q))
		require.Equal(t, unknown.body, others.body)
		f.advance(time.Minute)
		expired := f.post("/token", "conf-a", codeForm(code, q))
		require.Equal(t, unknown.body, expired.body)
	})
}

func TestCodeReplay(t *testing.T) {
	eachFormat(t, func(t *testing.T, f *fixture) {
		redeem := func(clientID string) (form url.Values, access, refresh string) {
			q := request(clientID)
			form = codeForm(f.browser("alice").code(q), q)
			res := f.post("/token", clientID, form)
			f.granted(res)
			return form, res.str(t, "access_token"), res.str(t, "refresh_token")
		}
		for _, clientID := range []string{"conf-a", "pub"} {
			t.Run("CD-01 a second redemption by "+clientID+" is refused, and all that came from the first is dead", func(t *testing.T) {
				form, access, refresh := redeem(clientID)
				second := f.post("/token", clientID, refreshForm(refresh))
				f.granted(second)
				f.refused(f.post("/token", clientID, form), 400, "invalid_grant")
				for _, a := range []string{access, second.str(t, "access_token")} {
					if f.alive(a) {
						t.Error("an access token lives on")
					}
				}
				for _, r := range []string{refresh, second.str(t, "refresh_token")} {
					f.refused(f.post("/token", clientID, refreshForm(r)), 400, "invalid_grant")
				}
				require.Contains(t, f.kinds(), grantor.CodeReplayed)
				f.refused(f.post("/token", clientID, form), 400, "invalid_grant")
			})
		}
		t.Run("CD-12 RG-3 whoever only has the spent code revokes nothing", func(t *testing.T) {
			form, access, refresh := redeem("conf-a")
			before := len(f.kinds())
			for _, attempt := range []*reply{
				f.post("/token", "conf-b", form),
				f.post("/token", "pub", changed(form)),
				f.post("/token", "conf-a", changed(form, "code_verifier", "")),
				f.post("/token", "conf-a", changed(form, "code_verifier", strings.Repeat("x", 43))),
				f.post("/token", "conf-a", changed(form, "redirect_uri", callback+"2")),
			} {
				f.refused(attempt, 400, "invalid_grant")
			}
			f.refused(f.call("/token", basic("conf-a", own()), "grant_type", "authorization_code", "code", form.Get("code")), 401, "invalid_client")
			require.True(t, f.alive(access), "the access token is dead")
			f.granted(f.post("/token", "conf-a", refreshForm(refresh)))
			require.NotContains(t, f.kinds()[before:], grantor.CodeReplayed)
		})
		t.Run("a code replayed after its time is expired, not stolen: nothing is revoked", func(t *testing.T) {
			form, _, refresh := redeem("conf-a")
			f.advance(time.Minute)
			f.refused(f.post("/token", "conf-a", form), 400, "invalid_grant")
			f.granted(f.post("/token", "conf-a", refreshForm(refresh)))
		})
	})
}

func TestCodeLifetime(t *testing.T) {
	f := newFixture(t)
	q := request("conf-a")
	t.Run("CD-08 a code works to its last second and not after sixty", func(t *testing.T) {
		inTime, late := codeForm(f.browser("alice").code(q), q), codeForm(f.browser("alice").code(q), q)
		f.advance(59 * time.Second)
		f.granted(f.post("/token", "conf-a", inTime))
		f.advance(time.Second)
		f.refused(f.post("/token", "conf-a", late), 400, "invalid_grant")
		require.NotContains(t, f.kinds(), grantor.CodeReplayed)
	})
	t.Run("a code does not outlive a grant that is shorter than itself", func(t *testing.T) {
		f := newFixture(t, func(f *fixture) { f.config.Lifetimes.Refresh = 10 * time.Second })
		form := codeForm(f.browser("alice").code(q), q)
		f.advance(10 * time.Second)
		f.refused(f.post("/token", "conf-a", form), 400, "invalid_grant")
	})
	t.Run("CD-09 codes are random, short and plain, and say nothing of the user", func(t *testing.T) {
		seen := map[string]bool{}
		q := request("first")
		for range 200 {
			code := f.browser("alice").code(q)
			require.Regexp(t, `^grantor_ac_[0-9A-Za-z]{71}$`, code) // 43 letters of 62 are a secret: 256 bits
			h, err := secret.Format{}.Parse(code)
			require.NoError(t, err)
			part := code[len(code)-49 : len(code)-6]
			if seen[part] || seen[h.Locator()] {
				t.Fatal("a part of a code occurs twice")
			}
			seen[part], seen[h.Locator()] = true, true
			require.NotContains(t, code, "alice")
		}
	})
}

func TestCodeAfterChanges(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(f *fixture)
		status int
		code   string
	}{
		{"CD-14 the user is disabled", func(f *fixture) { f.users["alice"] = grantor.Subject{} }, 400, "invalid_grant"},
		{"CD-14 the user is gone", func(f *fixture) { delete(f.users, "alice") }, 400, "invalid_grant"},
		{"CD-14 the user has become a service principal", func(f *fixture) { f.users["alice"] = grantor.Subject{Active: true, Service: true} }, 400, "invalid_grant"},
		{"CD-14 the user's consent is withdrawn", func(f *fixture) {
			require.NoError(f.t, f.server.Revoke(f.t.Context(), store.Query{Subject: "alice", Client: "conf-a"}))
		}, 400, "invalid_grant"},
		{"CD-14 the client is disabled", func(f *fixture) { f.clients["conf-a"].Disabled = true }, 401, "invalid_client"},
		{"CD-14 the client is gone", func(f *fixture) { delete(f.clients, "conf-a") }, 401, "invalid_client"},
		{"CD-15 the client may no longer use codes", func(f *fixture) { f.clients["conf-a"].GrantTypes = []string{client.RefreshToken} }, 400, "unauthorized_client"},
		{"the redirect URI left the registration", func(f *fixture) { f.clients["conf-a"].RedirectURIs = []string{callback + "2"} }, 400, "invalid_grant"},
		{"the client lost all scopes of the grant", func(f *fixture) { f.clients["conf-a"].Scopes = []string{"openid"} }, 400, "invalid_scope"},
	} {
		t.Run(c.name+" between authorization and redemption: nothing is issued", func(t *testing.T) {
			f := newFixture(t)
			q := request("conf-a")
			form := codeForm(f.browser("alice").code(q), q)
			c.change(f)
			f.refused(f.post("/token", "conf-a", form), c.status, c.code)
			require.NotContains(t, f.kinds(), grantor.TokenIssued)
		})
	}
	t.Run("a scope that the client lost in between is left out", func(t *testing.T) {
		f := newFixture(t)
		q := request("conf-a")
		form := codeForm(f.browser("alice").code(q), q)
		f.clients["conf-a"].Scopes = []string{"read"}
		res := f.post("/token", "conf-a", form)
		f.granted(res)
		require.Equal(t, "read", res.str(t, "scope"))
	})
}

func TestCodeIsNothingElse(t *testing.T) {
	f := newFixture(t)
	q := request("conf-a")
	form := codeForm(f.browser("alice").code(q), q)
	code := form.Get("code")
	t.Run("CD-17 a code is no access token", func(t *testing.T) { require.False(t, f.alive(code)) })
	t.Run("CD-17 a code introspects as inactive, even to its client", func(t *testing.T) {
		require.Equal(t, `{"active":false}`, f.post("/introspect", "conf-a", url.Values{"token": {code}}).body)
	})
	t.Run("CD-17 a code is no request_uri", func(t *testing.T) {
		res := f.browser("alice").authorize(request("conf-a", "request_uri", code))
		require.Empty(t, res.answer(t).Get("code"))
		require.NotEmpty(t, res.answer(t).Get("error"))
	})
	t.Run("CD-17 revoking a code as if it were a token is answered and changes nothing", func(t *testing.T) {
		require.Equal(t, http.StatusOK, f.post("/revoke", "conf-a", url.Values{"token": {code}}).StatusCode)
	})
	f.granted(f.post("/token", "conf-a", form))
	require.False(t, slices.Contains(f.kinds(), grantor.TokenRevoked))
}
