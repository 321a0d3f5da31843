package grantor_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/grantor-go/grantor"
	"github.com/grantor-go/grantor/client"
	"github.com/grantor-go/grantor/form"
	"github.com/grantor-go/grantor/grant"
	"github.com/grantor-go/grantor/oautherr"
	"github.com/grantor-go/grantor/token"
)

// extend is a grantor.Extension.
type extend func(*grantor.Builder) error

func (e extend) Extend(b *grantor.Builder) error { return e(b) }

// extended is a fixture with extensions.
func extended(t *testing.T, extensions ...extend) *fixture {
	t.Helper()
	return newFixture(t, func(f *fixture) {
		for _, e := range extensions {
			f.config.Extensions = append(f.config.Extensions, e)
		}
	})
}

// grantHandler is a handler of nothing.
type grantHandler struct{ grantType string }

func (h grantHandler) Type() string                                                 { return h.grantType }
func (h grantHandler) Redeem(context.Context, *grant.Request) (*grant.Grant, error) { return nil, nil }

// voucher is a grant of the host's own: whoever has a voucher acts as bob.
type voucher struct {
	edit func(*grant.Grant) // what a faulty handler does
}

const voucherType = "urn:example:voucher"

func (voucher) Type() string { return voucherType }

func (v voucher) Redeem(_ context.Context, r *grant.Request) (*grant.Grant, error) {
	if r.Form.Value("voucher") != "valid" {
		return nil, oautherr.InvalidGrant.Because(nil, "the voucher is not valid")
	}
	scopes, err := r.Allowed()
	if err != nil {
		return nil, err
	}
	g := grant.New(r.Ledger.Format, voucherType, r.Now)
	g.ClientID, g.Subject, g.Scopes, g.Resources, g.Refreshable = r.Client.ID, "bob", scopes, r.Resources, true
	if v.edit != nil {
		v.edit(g)
	}
	return g, nil
}

func vouchers(edit func(*grant.Grant)) extend {
	return func(b *grantor.Builder) error { return b.Grant(voucher{edit}, "voucher") }
}

func TestAGrantOfTheHost(t *testing.T) {
	allow := func(f *fixture) *fixture {
		f.clients["conf-a"].GrantTypes = append(slices.Clone(f.clients["conf-a"].GrantTypes), voucherType)
		return f
	}
	redeem := func(f *fixture, id string, pairs ...string) *reply {
		v := url.Values{"grant_type": {voucherType}, "voucher": {"valid"}}
		for i := 0; i+1 < len(pairs); i += 2 {
			v[pairs[i]] = strings.Split(pairs[i+1], "|")
		}
		return f.post("/token", id, v)
	}
	t.Run("it issues, refreshes, introspects and revokes like one of the server's own", func(t *testing.T) {
		f := allow(extended(t, vouchers(nil)))
		require.Contains(t, f.get(issuer + document).json(t)["grant_types_supported"], voucherType)
		res := redeem(f, "conf-a")
		require.Equal(t, http.StatusOK, res.StatusCode, "%s", res.body)
		access := res.str(t, "access_token")
		require.Equal(t, "bob", f.introspect("rs", access).str(t, "sub"))
		res = f.post("/token", "conf-a", refreshForm(res.str(t, "refresh_token")))
		require.Equal(t, http.StatusOK, res.StatusCode, "%s", res.body)
		f.revoked("conf-a", res.str(t, "refresh_token"))
		require.False(t, f.alive(access))
	})
	t.Run("its refusals reach the client, and its parameters may not repeat", func(t *testing.T) {
		f := allow(extended(t, vouchers(nil)))
		f.refused(redeem(f, "conf-a", "voucher", "forged"), http.StatusBadRequest, "invalid_grant")
		f.refused(redeem(f, "conf-a", "voucher", "valid|valid"), http.StatusBadRequest, "invalid_request")
		f.refused(redeem(f, "conf-b"), http.StatusBadRequest, "unauthorized_client")
		f.refused(redeem(f, "conf-a", "scope", "admin"), http.StatusBadRequest, "invalid_scope")
	})
	t.Run("its users must be active too", func(t *testing.T) {
		f := allow(extended(t, vouchers(func(g *grant.Grant) { g.Subject = "disabled" })))
		f.refused(redeem(f, "conf-a"), http.StatusBadRequest, "invalid_grant")
	})
	for name, edit := range map[string]func(*grant.Grant){
		"widens the scope":                   func(g *grant.Grant) { g.Scopes = []string{"read", "admin"} },
		"widens the scope of the token only": func(g *grant.Grant) { g.Access.Scopes = []string{"openid"} },
		"grants to another client":           func(g *grant.Grant) { g.ClientID = "conf-b" },
		"grants for nobody":                  func(g *grant.Grant) { g.Subject = "" },
	} {
		t.Run("a handler that "+name+" gets nothing issued, and the operator hears of it", func(t *testing.T) {
			f := allow(extended(t, vouchers(edit)))
			f.refused(redeem(f, "conf-a"), http.StatusServiceUnavailable, "temporarily_unavailable")
			require.Equal(t, []grantor.EventKind{grantor.Trouble}, f.kinds())
			require.Zero(t, f.memory.Len())
		})
	}
}

func TestAnEndpointOfAnExtension(t *testing.T) {
	hello := extend(func(b *grantor.Builder) error {
		who := b.Authenticate()
		u, err := b.Endpoint("/hello", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			f, err := form.Body(r, 1000)
			if err != nil {
				panic(err)
			}
			c, err := who(r, f)
			if err != nil {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			_, _ = io.WriteString(w, "hello "+c.ID)
		}), http.MethodPost)
		return errors.Join(err, b.Metadata("hello_endpoint", u))
	})
	f := extended(t, hello)
	t.Run("it is served, advertised, and knows its client", func(t *testing.T) {
		require.Equal(t, issuer+"/hello", f.get(issuer+document).str(t, "hello_endpoint"))
		require.Equal(t, "hello conf-a", f.post("/hello", "conf-a", nil).body)
		require.Equal(t, http.StatusUnauthorized, f.post("/hello", "ghost", nil).StatusCode)
		require.Equal(t, []grantor.EventKind{grantor.ClientRefused}, f.kinds(), "a refusal is an event here too")
		require.Equal(t, http.StatusMethodNotAllowed, f.get(issuer+"/hello").StatusCode)
		var patterns []string
		for pattern := range f.server.Routes() {
			patterns = append(patterns, pattern)
		}
		require.Contains(t, patterns, "/hello")
	})
	t.Run("a panic in it is caught", func(t *testing.T) {
		r := httptest.NewRequest(http.MethodPost, issuer+"/hello", nil)
		require.Equal(t, http.StatusInternalServerError, f.do(r).StatusCode)
	})
	for name, e := range map[string]extend{
		"two endpoints at": func(b *grantor.Builder) error {
			_, err := b.Endpoint("/token", http.NotFoundHandler(), "GET")
			return err
		},
		"needs a plain path": func(b *grantor.Builder) error {
			_, err := b.Endpoint("hello", http.NotFoundHandler(), "GET")
			return err
		},
		"endpoint \"/{x}\"": func(b *grantor.Builder) error {
			_, err := b.Endpoint("/{x}", http.NotFoundHandler(), "GET")
			return err
		},
		"and a method":           func(b *grantor.Builder) error { _, err := b.Endpoint("/x", http.NotFoundHandler()); return err },
		"sets the issuer":        func(b *grantor.Builder) error { return b.Metadata("issuer", "https://evil.example") },
		"two values for":         func(b *grantor.Builder) error { return errors.Join(b.Metadata("x", 1), b.Metadata("x", 2)) },
		"has no type":            func(b *grantor.Builder) error { return b.Grant(grantHandler{""}) },
		"cannot be named \"none": func(b *grantor.Builder) error { return b.Method(badge{"none"}) },
		"two authentication":     func(b *grantor.Builder) error { return b.Method(badge{client.MethodSecretBasic}) },
	} {
		t.Run("New refuses an extension that says: "+name, func(t *testing.T) {
			c := minimal(t)
			c.Extensions = []grantor.Extension{e}
			_, err := grantor.New(c)
			require.ErrorContains(t, err, name)
		})
	}
}

// badge is an authentication method: a header that some proxy vouches for.
type badge struct{ name string }

func (b badge) Name() string { return b.name }

func (badge) Presented(r *http.Request, f form.Values) (client.Credential, bool) {
	v := r.Header.Get("Badge")
	return client.Credential{ClientID: f.Value("client_id"), Value: v}, v != ""
}

func (badge) Check(_ context.Context, c *client.Client, presented client.Credential) error {
	if presented.Value != "badge of "+c.ID {
		return oautherr.InvalidClient.Because(nil, "client authentication failed")
	}
	return nil
}

func TestAnAuthenticationMethodOfTheHost(t *testing.T) {
	f := extended(t, func(b *grantor.Builder) error { return b.Method(badge{"badge"}) })
	f.clients["badger"] = &client.Client{ID: "badger", AuthMethods: []string{"badge"}, GrantTypes: []string{"client_credentials"}, Scopes: []string{"read"}}
	try := func(id, value string, edit func(*http.Request)) *reply {
		r := f.request("/token", "", url.Values{"grant_type": {"client_credentials"}, "client_id": {id}})
		r.Header.Set("Badge", value)
		if edit != nil {
			edit(r)
		}
		return f.do(r)
	}
	t.Run("it lets its clients in, and is advertised", func(t *testing.T) {
		require.Equal(t, http.StatusOK, try("badger", "badge of badger", nil).StatusCode)
		require.Contains(t, f.get(issuer + document).json(t)["token_endpoint_auth_methods_supported"], "badge")
	})
	t.Run("a wrong proof, another client's method, and no proof at all are invalid_client", func(t *testing.T) {
		f.refused(try("badger", "badge of somebody", nil), http.StatusUnauthorized, "invalid_client")
		f.refused(try("m2m", "badge of m2m", nil), http.StatusUnauthorized, "invalid_client")
		f.refused(f.post("/token", "badger", url.Values{"grant_type": {"client_credentials"}}), http.StatusUnauthorized, "invalid_client")
	})
	t.Run("two methods at once are invalid_request", func(t *testing.T) {
		res := try("m2m", "badge of m2m", func(r *http.Request) { r.SetBasicAuth("m2m", secrets["m2m"]) })
		f.refused(res, http.StatusBadRequest, "invalid_request")
	})
}

func TestHooks(t *testing.T) {
	hooked := func(claims, response map[string]any) *fixture {
		return newFixture(t, jwts, func(f *fixture) {
			f.config.Claims = func(context.Context, grantor.Issuance) (map[string]any, error) { return claims, nil }
			f.config.Response = func(context.Context, grantor.Issuance) (map[string]any, error) { return response, nil }
		})
	}
	t.Run("claims go into the token, members into the response, sorted", func(t *testing.T) {
		f := hooked(map[string]any{"tenant": "t1", "a": 1}, map[string]any{"z": "z", "id": []int{1}})
		res := f.post("/token", "m2m", url.Values{"grant_type": {"client_credentials"}})
		require.Contains(t, res.body, `"id":[1],"z":"z"}`)
		claims, err := f.server.Verify(t.Context(), res.str(t, "access_token"))
		require.NoError(t, err)
		require.Equal(t, map[string]any{"tenant": "t1", "a": json.Number("1")}, claims.Extra)
	})
	refused := func(t *testing.T, f *fixture, why string) {
		t.Helper()
		res := f.post("/token", "m2m", url.Values{"grant_type": {"client_credentials"}})
		f.refused(res, http.StatusServiceUnavailable, "temporarily_unavailable")
		require.Equal(t, []grantor.EventKind{grantor.Trouble}, f.kinds())
		require.ErrorContains(t, f.events[0].Err, why)
		require.Zero(t, f.memory.Len())
	}
	for _, name := range []string{"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "client_id", "scope", "cnf", "act", "auth_time", "active", "token_type", "SUB", "Scope", ""} {
		t.Run("JW-22 a claims hook that sets "+name+" gets nothing issued, and the operator hears of it", func(t *testing.T) {
			refused(t, hooked(map[string]any{name: "mine"}, nil), "may not set")
		})
	}
	for _, name := range []string{"access_token", "token_type", "expires_in", "refresh_token", "scope", "error", "Access_Token"} {
		t.Run("a response hook that sets "+name+" gets nothing issued either", func(t *testing.T) {
			refused(t, hooked(nil, map[string]any{name: "mine"}), "may not set")
		})
	}
	t.Run("a value that is not JSON is the host's mistake", func(t *testing.T) {
		refused(t, hooked(map[string]any{"f": func() {}}, nil), "is not JSON")
	})
	t.Run("two hooks may not set the same claim", func(t *testing.T) {
		hook := func(context.Context, grantor.Issuance) (map[string]any, error) { return map[string]any{"x": 1}, nil }
		refused(t, extended(t, func(b *grantor.Builder) error { b.Claims(hook); b.Claims(hook); return nil }), "may not set")
	})
	t.Run("a hook may refuse, with an error of the protocol", func(t *testing.T) {
		f := newFixture(t, func(f *fixture) {
			f.config.Claims = func(context.Context, grantor.Issuance) (map[string]any, error) {
				return nil, oautherr.AccessDenied.Because(nil, "not on Sundays")
			}
		})
		f.refused(f.post("/token", "m2m", url.Values{"grant_type": {"client_credentials"}}), http.StatusBadRequest, "access_denied")
	})
	t.Run("what an authorization hook adds to the grant is there at redemption and at every refresh", func(t *testing.T) {
		var seen []string
		f := extended(t, func(b *grantor.Builder) error {
			b.AuthorizeParameter("purpose")
			b.Granting(func(_ context.Context, v form.Values, session *grantor.Session, g *grant.Grant) error {
				if v.Value("purpose") == "evil" {
					return oautherr.AccessDenied.Because(nil, "not for that")
				}
				g.Extra = map[string]json.RawMessage{"purpose": json.RawMessage(`"` + v.Value("purpose") + ` of ` + session.Subject + `"`)}
				return nil
			})
			b.Claims(func(_ context.Context, i grantor.Issuance) (map[string]any, error) {
				seen = append(seen, string(i.Grant.Extra["purpose"]))
				return nil, nil
			})
			return nil
		})
		res := f.tokens("first", "purpose", "billing")
		f.advance(time.Minute)
		require.Equal(t, http.StatusOK, f.post("/token", "first", refreshForm(res.str(t, "refresh_token"))).StatusCode)
		require.Equal(t, []string{`"billing of alice"`, `"billing of alice"`}, seen)
		require.Equal(t, "access_denied", f.browser("alice").authorize(request("first", "purpose", "evil")).answer(t).Get("error"))
		q := request("first")
		q["purpose"] = []string{"a", "a"}
		require.Equal(t, "invalid_request", f.browser("alice").authorize(q).answer(t).Get("error"))
	})
}

// letter is a token format of the host's: a JSON letter that nobody else can
// open because the test says so.
type letter struct{ down *bool }

func (letter) Mint(_ context.Context, c token.Claims) (string, error) {
	raw, err := json.Marshal(c)
	return "letter:" + base64.RawURLEncoding.EncodeToString(raw), err
}

func (l letter) Parse(_ context.Context, tok string) (c token.Claims, err error) {
	text, ok := strings.CutPrefix(tok, "letter:")
	if *l.down {
		return c, errors.New("letterbox is shut")
	}
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if !ok || err != nil || json.Unmarshal(raw, &c) != nil || !c.Expires.After(c.IssuedAt) {
		return c, oautherr.InvalidToken.Because(nil, "not a letter")
	}
	return c, nil
}

func TestATokenFormatOfTheHost(t *testing.T) {
	down := false
	f := newFixture(t, func(f *fixture) {
		f.config.Resources = append(f.config.Resources, grantor.Resource{Identifier: "https://letters.example", AccessTokens: letter{&down}, Lifetime: time.Minute})
	})
	res := f.tokens("conf-a", "resource", "https://letters.example")
	user := res.str(t, "access_token")
	machine := f.post("/token", "m2m", url.Values{"grant_type": {"client_credentials"}, "resource": {"https://letters.example"}}).str(t, "access_token")
	t.Run("its tokens are issued with the resource's lifetime, and are live", func(t *testing.T) {
		require.True(t, strings.HasPrefix(user, "letter:"))
		require.EqualValues(t, 60, res.json(t)["expires_in"])
		require.True(t, f.alive(user))
		require.True(t, f.alive(machine))
		require.Equal(t, "https://letters.example", f.introspect("rs", user).str(t, "aud"))
	})
	t.Run("formats of the server itself still read theirs", func(t *testing.T) {
		require.True(t, f.alive(f.machineToken("m2m")))
		require.True(t, f.alive(f.tokens("conf-a", "resource", "https://jwt.example", "scope", "read").str(t, "access_token")))
	})
	t.Run("trouble in it is trouble, not a dead token", func(t *testing.T) {
		down = true
		_, err := f.server.Verify(t.Context(), user)
		if err == nil || errors.Is(err, oautherr.InvalidToken) {
			t.Errorf("got %v", err)
		}
		f.refused(f.introspect("rs", user), http.StatusServiceUnavailable, "temporarily_unavailable")
		down = false
	})
	t.Run("its tokens can be revoked, with a grant and without", func(t *testing.T) {
		f.revoked("conf-a", user)
		f.revoked("m2m", machine)
		if f.alive(user) || f.alive(machine) {
			t.Errorf("alive")
		}
		res := f.post("/token", "conf-a", refreshForm(res.str(t, "refresh_token")))
		require.True(t, f.alive(res.str(t, "access_token")))
		f.revoked("conf-a", res.str(t, "refresh_token"))
		require.False(t, f.alive(res.str(t, "access_token")))
	})
}
