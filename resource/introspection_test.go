package resource_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/grantor-go/grantor/oautherr"
	"github.com/grantor-go/grantor/resource"
	"github.com/grantor-go/grantor/token"
)

const clientSecret = "s%c+r e:t&x-chosen"

// introspecting returns a verifier that asks the server.
func introspecting(t testing.TB, s *remote, edit ...func(*resource.IntrospectionConfig)) *resource.Introspection {
	t.Helper()
	c := resource.IntrospectionConfig{
		Endpoint: "https://as.example/introspect", Issuer: issuer, ClientID: "enc:id", ClientSecret: clientSecret, Client: s.client(),
	}
	for _, e := range edit {
		e(&c)
	}
	i, err := resource.NewIntrospection(c)
	require.NoError(t, err)
	return i
}

// caching makes answers be used again for d.
func caching(d time.Duration) func(*resource.IntrospectionConfig) {
	return func(c *resource.IntrospectionConfig) { c.CacheTTL = d }
}

// active is an introspection response for a live token; pairs replace members, or
// remove them where the value is nil.
func active(t testing.TB, pairs ...any) string {
	m := map[string]any{
		"active": true, "iss": issuer, "sub": "alice", "client_id": "web", "aud": api, "scope": "read write",
		"iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(), "jti": "t1", "token_type": "Bearer",
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		if m[pairs[i].(string)] = pairs[i+1]; pairs[i+1] == nil {
			delete(m, pairs[i].(string))
		}
	}
	return asJSON(t, m)
}

func TestIntrospectionAsks(t *testing.T) {
	s := &remote{answer: replies(200, active(t))}
	_, err := introspecting(t, s).Verify(t.Context(), "tok+/=&x")
	require.NoError(t, err)
	r := s.calls[0]
	require.Equal(t, "POST https://as.example/introspect", r.Method+" "+r.URL.String())
	require.Equal(t, "application/x-www-form-urlencoded", r.Header.Get("Content-Type"))
	require.Equal(t, "application/json", r.Header.Get("Accept"))
	t.Run("id and secret are form-encoded within Basic", func(t *testing.T) {
		id, secret, ok := r.BasicAuth()
		if !ok || id != url.QueryEscape("enc:id") || secret != url.QueryEscape(clientSecret) {
			t.Errorf("got %q %q", id, secret)
		}
	})
	t.Run("the token is in the body, with a hint", func(t *testing.T) {
		form, err := url.ParseQuery(s.bodies[0])
		require.NoError(t, err)
		require.Equal(t, url.Values{"token": {"tok+/=&x"}, "token_type_hint": {"access_token"}}, form)
	})
}

func TestIntrospectionAnswers(t *testing.T) {
	verify := func(t *testing.T, body string) (token.Claims, error) {
		return introspecting(t, &remote{answer: replies(200, body)}).Verify(t.Context(), "tok")
	}
	t.Run("what is said of a live token becomes its claims", func(t *testing.T) {
		got, err := verify(t, active(t, "aud", []string{api, "x"}, "iat", 1700000000, "exp", 4000000000, "auth_time", 1600000000.9,
			"username", "Alice", "tenant", 12345678901234567, "Scope", "admin", "nbf", 1700000000))
		require.NoError(t, err)
		want := token.Claims{
			Issuer: issuer, Subject: "alice", ClientID: "web", Audience: []string{api, "x"}, Scopes: []string{"read", "write"}, ID: "t1",
			IssuedAt: time.Unix(1700000000, 0).UTC(), Expires: time.Unix(4000000000, 0).UTC(), AuthTime: time.Unix(1600000000, 0).UTC(),
			Extra: map[string]any{"username": "Alice", "tenant": json.Number("12345678901234567")},
		}
		require.Equal(t, want, got)
	})
	t.Run("only active and token_type need to be there", func(t *testing.T) {
		got, err := verify(t, `{"active":true,"token_type":"bearer"}`)
		require.NoError(t, err)
		require.Equal(t, token.Claims{Issuer: issuer, Scopes: []string{}}, got)
	})
	t.Run("a token of type DPoP that does not say what it is bound to is no bearer token", func(t *testing.T) {
		_, err := verify(t, active(t, "token_type", "DPoP"))
		require.ErrorIs(t, err, oautherr.InvalidToken)
	})
	t.Run("a bound token keeps its binding, and no guard takes it from a bearer", func(t *testing.T) {
		for _, typ := range []string{"DPoP", "Bearer"} {
			i := introspecting(t, &remote{answer: replies(200, active(t, "token_type", typ, "cnf", map[string]string{"jkt": "x"}))})
			got, err := i.Verify(t.Context(), "tok")
			require.NoError(t, err)
			require.Equal(t, map[string]string{"jkt": "x"}, got.Confirmation)
			res, _ := send(resource.Guard{Verifier: i, Resource: api}.Require()(passed), with("tok"))
			require.Equal(t, http.StatusUnauthorized, res.StatusCode)
		}
	})
	for name, body := range map[string]string{
		"one that is not active":                           `{"active":false}`,
		"one that is not active, whatever else is said":    active(t, "active", false),
		"one that has expired":                             active(t, "exp", time.Now().Unix()-1),
		"one that is not valid yet":                        active(t, "nbf", time.Now().Add(time.Hour).Unix()),
		"a refresh token, which has no type":               active(t, "token_type", nil),
		"JW-15 an ID token, which is not active either":    `{"active":false,"token_type":"Bearer"}`,
		"JW-15 anything that is not called a bearer token": active(t, "token_type", "N_A"),
	} {
		t.Run("not valid is "+name, func(t *testing.T) {
			if got, err := verify(t, body); !errors.Is(err, oautherr.InvalidToken) {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
	for name, body := range map[string]string{
		"nothing":                         "",
		"a page":                          "<html>",
		"null":                            "null",
		"an array":                        `[{"active":true}]`,
		"two documents":                   active(t) + active(t),
		"an object without active":        `{"token_type":"Bearer"}`,
		"active in another case":          `{"Active":true,"token_type":"Bearer"}`,
		"active as a string":              active(t, "active", "true"),
		"active as a number":              active(t, "active", 1),
		"another issuer":                  active(t, "iss", "https://evil.example"),
		"an issuer that is a number":      active(t, "iss", 1),
		"a subject that is an object":     active(t, "sub", map[string]any{}),
		"scopes as an array":              active(t, "scope", []string{"read"}),
		"an expiry that is a string":      active(t, "exp", "4000000000"),
		"an expiry that is negative":      active(t, "exp", -1),
		"an expiry that is absurd":        strings.Replace(active(t), `"active"`, `"nbf":1e400,"active"`, 1),
		"an expiry beyond the year 9999":  active(t, "exp", 1e15),
		"an audience that is a number":    active(t, "aud", 1),
		"an audience with a number":       active(t, "aud", []any{api, 1}),
		"a binding that is a string":      active(t, "cnf", "jkt"),
		"a binding that cannot be read":   active(t, "cnf", map[string]any{"jwk": map[string]any{}}),
		"a type that is a number":         active(t, "token_type", 1),
		"more than anybody has to say":    active(t, "padding", strings.Repeat("x", 64<<10)),
		"an answer and a lot of nothing":  active(t) + strings.Repeat(" ", 64<<10),
		"an object that is nested deeply": `{"active":true,"token_type":"Bearer","x":` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + "}",
	} {
		t.Run("no answer is "+name, func(t *testing.T) {
			got, err := verify(t, body)
			if err == nil || errors.Is(err, oautherr.InvalidToken) {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

func TestIntrospectionTrouble(t *testing.T) {
	for name, answer := range map[string]func(*http.Request) (*http.Response, error){
		"a broken network":                   breaks(errors.New("no route to host")),
		"an error of the server":             replies(503, active(t)),
		"a refusal of the API's credentials": replies(401, `{"error":"invalid_client"}`),
		"an answer that breaks off":          breaksOff,
		"a redirect":                         replies(307, "", "Location", "https://evil.example/introspect"),
	} {
		t.Run(name+" is 503, and not held against the token", func(t *testing.T) {
			s := &remote{answer: answer}
			i := introspecting(t, s, caching(time.Minute))
			err := troubled(t, i, "tok-of-alice")
			require.NotContains(t, err.Error(), "tok-of-alice")
			res, _ := send(resource.Guard{Verifier: i, Resource: api}.Require()(passed), with("tok-of-alice"))
			require.Equal(t, http.StatusServiceUnavailable, res.StatusCode)
			require.Equal(t, "1", res.Header.Get("Retry-After"))
			require.Equal(t, 2, s.called(), "no redirect is followed, no failure remembered")
			s.answers(replies(200, active(t)))
			good(t, i, "tok-of-alice")
		})
	}
	t.Run("a server that does not answer is given up after 5 seconds", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			begin := time.Now()
			troubled(t, introspecting(t, &remote{answer: hangs}), "tok")
			if waited := time.Since(begin); waited != 5*time.Second {
				t.Errorf("waited %v", waited)
			}
		})
	})
}

func TestIntrospectionCache(t *testing.T) {
	bubble := func(name string, test func(*testing.T)) {
		t.Helper()
		t.Run(name, func(t *testing.T) { synctest.Test(t, test) })
	}
	bubble("without a CacheTTL every token is asked about every time", func(t *testing.T) {
		s := &remote{answer: replies(200, active(t))}
		i := introspecting(t, s)
		good(t, i, "tok")
		s.answers(replies(200, `{"active":false}`))
		bad(t, i, "tok")
	})
	bubble("an answer about a live token is used again until it is too old", func(t *testing.T) {
		s := &remote{answer: replies(200, active(t))}
		i := introspecting(t, s, caching(30*time.Second))
		good(t, i, "tok")
		time.Sleep(30*time.Second - 1)
		good(t, i, "tok")
		require.Equal(t, 1, s.called())
		s.answers(replies(200, `{"active":false}`))
		time.Sleep(time.Nanosecond)
		bad(t, i, "tok")
	})
	bubble("no answer outlives its token", func(t *testing.T) {
		s := &remote{answer: replies(200, active(t, "exp", time.Now().Add(10*time.Second).Unix()))}
		i := introspecting(t, s, caching(time.Minute))
		good(t, i, "tok")
		time.Sleep(10 * time.Second)
		bad(t, i, "tok")
		require.Equal(t, 2, s.called())
	})
	bubble("that a token is dead is asked again", func(t *testing.T) {
		s := &remote{answer: replies(200, `{"active":false}`)}
		i := introspecting(t, s, caching(time.Minute))
		bad(t, i, "tok")
		s.answers(replies(200, active(t)))
		good(t, i, "tok")
	})
	bubble("one token's answer is not another's", func(t *testing.T) {
		s := &remote{answer: replies(200, active(t))}
		i := introspecting(t, s, caching(time.Minute))
		good(t, i, "tok")
		s.answers(replies(200, `{"active":false}`))
		bad(t, i, "Tok")
		bad(t, i, "tok ")
	})
	bubble("so many tokens that not all are kept are still answered right", func(t *testing.T) {
		s := &remote{answer: replies(200, active(t))}
		i := introspecting(t, s, caching(time.Minute))
		const tokens = 4096 + 10
		for n := range tokens {
			good(t, i, fmt.Sprint("tok", n))
		}
		require.Equal(t, tokens, s.called())
		s.answers(replies(200, `{"active":false}`))
		kept := 0
		for n := range tokens {
			if _, err := i.Verify(t.Context(), fmt.Sprint("tok", n)); err == nil {
				kept++
			}
		}
		if kept == 0 || kept > 4096 {
			t.Errorf("%d answers were kept", kept)
		}
	})
}

func TestNewIntrospection(t *testing.T) {
	t.Run("every problem is reported at once, with its field", func(t *testing.T) {
		_, err := resource.NewIntrospection(resource.IntrospectionConfig{Endpoint: "http://as.example", ClientSecret: "hush", CacheTTL: time.Hour})
		for _, want := range []string{"IntrospectionConfig.Endpoint", "InsecureAllowHTTP", "IntrospectionConfig.Issuer", "IntrospectionConfig.ClientID", "IntrospectionConfig.CacheTTL"} {
			require.ErrorContains(t, err, want)
		}
		require.NotContains(t, err.Error(), "hush")
	})
	t.Run("an empty secret and a negative CacheTTL are errors", func(t *testing.T) {
		_, err := resource.NewIntrospection(resource.IntrospectionConfig{Endpoint: "https://as.example", Issuer: issuer, ClientID: "x", CacheTTL: -1})
		require.ErrorContains(t, err, "ClientSecret")
		require.ErrorContains(t, err, "CacheTTL")
	})
	t.Run("the secret is neither printed nor logged", func(t *testing.T) {
		const hush = "hush-hush"
		c := resource.IntrospectionConfig{Endpoint: "https://as.example/introspect", Issuer: issuer, ClientID: "x", ClientSecret: hush}
		i, err := resource.NewIntrospection(c)
		require.NoError(t, err)
		var log strings.Builder
		for _, h := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
			slog.New(h).Info("x", "config", c, "pointer", &c, "verifier", i)
		}
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			fmt.Fprintf(&log, verb+verb+verb, c, &c, i)
		}
		for _, leak := range []string{hush, fmt.Sprintf("%x", hush)} {
			require.NotContains(t, log.String(), leak)
		}
	})
}
