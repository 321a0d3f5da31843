package grantor_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/grantor-go/grantor"
	"github.com/grantor-go/grantor/client"
	"github.com/grantor-go/grantor/grant"
)

// The password grant, which is there for applications that cannot be changed.

// withPasswords turns the grant on.
func withPasswords(f *fixture) { f.config.Password = f.users }

func passwordForm(username, password string) url.Values {
	return url.Values{"grant_type": {"password"}, "username": {username}, "password": {password}}
}

// password asks for tokens with a user's password.
func (f *fixture) password(username, password string, pairs ...string) *reply {
	f.t.Helper()
	return f.post("/token", "legacy", changed(passwordForm(username, password), pairs...))
}

// passwordFrom asks from an address.
func (f *fixture) passwordFrom(addr, username, password string) *reply {
	f.t.Helper()
	r := f.request("/token", "legacy", passwordForm(username, password))
	r.RemoteAddr = addr
	return f.do(r)
}

// A verifierFunc is a PasswordVerifier.
type verifierFunc func(username, password string) (string, error)

func (v verifierFunc) VerifyPassword(_ context.Context, username, password string) (string, error) {
	return v(username, password)
}

func TestPasswordGrant(t *testing.T) {
	t.Run("PW-01 it is off, and the metadata does not know it", func(t *testing.T) {
		f := newFixture(t)
		f.refused(f.password("alice", "pw-alice"), 400, "unsupported_grant_type")
		res := f.do(httptest.NewRequest(http.MethodGet, issuer+"/.well-known/oauth-authorization-server", nil))
		require.NotContains(t, res.json(t)["grant_types_supported"], "password")
	})
	t.Run("PW-02 where it is on, it is off for a client that has not registered it", func(t *testing.T) {
		f := newFixture(t, withPasswords)
		for _, id := range []string{"conf-a", "pub", "m2m"} {
			f.refused(f.post("/token", id, passwordForm("alice", "pw-alice")), 400, "unauthorized_client")
		}
	})
	t.Run("PW-02 and for every public client", func(t *testing.T) {
		f := newFixture(t, withPasswords)
		f.clients["public-legacy"] = &client.Client{ID: "public-legacy", AuthMethods: []string{client.MethodNone}, GrantTypes: []string{client.Password}}
		f.refused(f.post("/token", "public-legacy", passwordForm("alice", "pw-alice")), 400, "unauthorized_client")
	})
	eachFormat(t, func(t *testing.T, f *fixture) {
		withPasswords(f)
		var err error
		f.server, err = grantor.New(f.config)
		require.NoError(t, err)
		t.Run("the right password gets tokens for the user, which refresh and end like all others", func(t *testing.T) {
			l := &lineage{f: f, clientID: "legacy"}
			res := l.take(f.password("alice", "pw-alice", "scope", "read write"))
			claims, err := f.server.Verify(t.Context(), res.str(t, "access_token"))
			require.NoError(t, err)
			require.Equal(t, "alice", claims.Subject)
			require.Equal(t, f.now().Unix(), claims.AuthTime.Unix())
			require.Equal(t, "read write", res.str(t, "scope"))
			l.living()
			f.users["alice"] = grantor.Subject{}
			l.dead()
			f.users["alice"] = grantor.Subject{Active: true}
		})
		t.Run("without scope the client's defaults are granted", func(t *testing.T) {
			require.Equal(t, "read", f.password("alice", "pw-alice").str(t, "scope"))
		})
		t.Run("a client without the refresh grant gets no refresh token", func(t *testing.T) {
			only := *f.clients["legacy"]
			only.GrantTypes = []string{client.Password}
			defer func(c *client.Client) { f.clients["legacy"] = c }(f.clients["legacy"])
			f.clients["legacy"] = &only
			res := f.password("alice", "pw-alice")
			f.granted(res)
			require.NotContains(t, res.body, "refresh_token")
			require.True(t, f.alive(res.str(t, "access_token")))
		})
	})
	t.Run("PW-08 a scope beyond the client is refused before anybody looks at the password", func(t *testing.T) {
		f := newFixture(t, func(f *fixture) {
			f.config.Password = verifierFunc(func(string, string) (string, error) { panic("asked") })
		})
		f.refused(f.password("alice", "pw-alice", "scope", "read admin"), 400, "invalid_scope")
	})
	t.Run("a missing username or password is invalid_request", func(t *testing.T) {
		f := newFixture(t, withPasswords)
		f.refused(f.password("", "pw-alice"), 400, "invalid_request")
		f.refused(f.password("alice", ""), 400, "invalid_request")
	})
	t.Run("TK-04 username or password repeated is refused", func(t *testing.T) {
		f := newFixture(t, withPasswords)
		for _, name := range []string{"username", "password"} {
			form := passwordForm("alice", "pw-alice")
			form.Add(name, form.Get(name))
			f.refused(f.post("/token", "legacy", form), 400, "invalid_request")
		}
	})
}

func TestWrongPasswords(t *testing.T) {
	f := newFixture(t, withPasswords)
	unknown := f.password("nobody", "x")
	f.refused(unknown, 400, "invalid_grant")
	for name, c := range map[string]struct{ username, password string }{
		"a wrong password":                                     {"alice", "x"},
		"another user's password":                              {"alice", "pw-bob"},
		"the right password of a user who is disabled":         {"disabled", "pw-disabled"},
		"the right password of a service principal":            {"robot", "pw-robot"},
		"a username that is too long":                          {strings.Repeat("a", 10<<10), "x"},
		"a password that is too long":                          {"alice", strings.Repeat("a", 10<<10)},
		"an all too familiar attempt to write SQL":             {"alice' OR '1'='1", "x"},
		"a right name and password with spaces around the one": {" alice", "pw-alice"},
	} {
		t.Run("PW-03 "+name+" is answered like an unknown user", func(t *testing.T) {
			res := f.password(c.username, c.password)
			require.Equal(t, unknown.StatusCode, res.StatusCode)
			require.Equal(t, unknown.body, res.body)
			require.Equal(t, unknown.Header, res.Header)
		})
	}
	t.Run("PW-07 a user who needs a second factor is answered like an unknown one", func(t *testing.T) {
		f := newFixture(t, func(f *fixture) {
			f.config.Password = verifierFunc(func(string, string) (string, error) {
				return "alice", fmt.Errorf("needs a second factor: %w", grant.ErrWrongPassword)
			})
		})
		require.Equal(t, unknown.body, f.password("alice", "pw-alice").body)
	})
	t.Run("PW-04 a NUL or broken UTF-8 is the client's error", func(t *testing.T) {
		for _, bad := range []string{"a\x00b", "\xff", "\xed\xa0\x80"} {
			f.refused(f.password(bad, "x"), 400, "invalid_request")
			f.refused(f.password("alice", bad), 400, "invalid_request")
		}
	})
	t.Run("PW-04 what is typed reaches the verifier byte by byte", func(t *testing.T) {
		var got [][2]string
		f := newFixture(t, func(f *fixture) {
			f.config.Password = verifierFunc(func(u, p string) (string, error) {
				got = append(got, [2]string{u, p})
				return "", grant.ErrWrongPassword
			})
		})
		want := [][2]string{
			{" alice ", " pw "}, {"Am\u00e9lie", "\u00fc"}, {"Ame\u0301lie", "u\u0308"}, {"ALICE", "P\tW\r\n"}, {"a+b@c", "100%&=+;"}, {strings.Repeat("x", 1024), strings.Repeat("y", 1024)},
		}
		for _, w := range want {
			f.refused(f.password(w[0], w[1]), 400, "invalid_grant")
		}
		f.password(strings.Repeat("x", 1025), "y")
		f.password("x", strings.Repeat("y", 1025))
		require.Equal(t, want, got)
	})
	t.Run("trouble with the verifier is 503, and nobody's fault", func(t *testing.T) {
		for _, v := range []verifierFunc{
			func(string, string) (string, error) { return "", errors.New("LDAP at 10.1.2.3 is away") },
			func(string, string) (string, error) { return "", nil },
		} {
			f := newFixture(t, func(f *fixture) { f.config.Password = v })
			res := f.password("alice", "pw-alice")
			f.refused(res, 503, "temporarily_unavailable")
			require.NotEmpty(t, res.Header.Get("Retry-After"))
			require.NotContains(t, res.body, "LDAP")
		}
	})
	t.Run("neither logs nor events hold a password", func(t *testing.T) {
		f := newFixture(t, withPasswords)
		f.password("alice", "Tr0ub4dor")
		f.password("alice", "pw-alice")
		require.NotContains(t, f.logs()+fmt.Sprintf("%+v", f.events), "Tr0ub4dor")
		require.NotContains(t, f.logs()+fmt.Sprintf("%+v", f.events), "pw-alice")
		require.Contains(t, f.kinds(), grantor.TokenRefused)
	})
}

func TestGuessingPasswords(t *testing.T) {
	const home, away = "192.0.2.1:50000", "198.51.100.7:50000"
	throttled := func(t *testing.T, res *reply) bool {
		t.Helper()
		if res.StatusCode != http.StatusTooManyRequests {
			return false
		}
		require.NotEmpty(t, res.Header.Get("Retry-After"))
		require.Equal(t, "no-store", res.Header.Get("Cache-Control"))
		return true
	}
	t.Run("PW-05 a thousand guesses at one account from many addresses are slowed to a few, and do not lock the owner out", func(t *testing.T) {
		asked := 0
		f := newFixture(t, func(f *fixture) {
			f.config.Password = verifierFunc(func(u, p string) (string, error) {
				asked++
				return f.users.VerifyPassword(context.Background(), u, p)
			})
		})
		f.granted(f.passwordFrom(home, "alice", "pw-alice"))
		asked = 0
		for i := range 1000 {
			res := f.passwordFrom(fmt.Sprintf("203.0.%d.%d:1", i/256, i%256), "alice", fmt.Sprint("guess", i))
			if throttled(t, res) != (i >= 10) {
				t.Fatalf("guess %d: got %d", i, res.StatusCode)
			}
		}
		require.Equal(t, 10, asked)
		f.granted(f.passwordFrom(home, "alice", "pw-alice"))
		require.True(t, throttled(t, f.passwordFrom(away, "alice", "pw-alice")), "a stranger with the right password is not slowed down")
		f.advance(30 * time.Second)
		f.granted(f.passwordFrom(away, "alice", "pw-alice"))
	})
	t.Run("PW-05 a source that tries many accounts is slowed down, whatever it says of where it is", func(t *testing.T) {
		f := newFixture(t, withPasswords)
		let := 0
		for i := range 200 {
			r := f.request("/token", "legacy", passwordForm(fmt.Sprint("user", i), "x"))
			r.RemoteAddr = fmt.Sprintf("[2001:db8::%x]:1", i)
			r.Header.Set("X-Forwarded-For", fmt.Sprintf("10.0.0.%d", i))
			r.Header.Set("Forwarded", fmt.Sprintf("for=10.0.0.%d", i))
			if !throttled(t, f.do(r)) {
				let++
			}
		}
		require.Equal(t, 50, let)
		f.granted(f.passwordFrom(home, "alice", "pw-alice"))
	})
	t.Run("PW-05 of a hundred guesses at once ten are checked", func(t *testing.T) {
		var mu sync.Mutex
		asked := 0
		f := newFixture(t, func(f *fixture) {
			f.config.Password = verifierFunc(func(string, string) (string, error) {
				mu.Lock()
				defer mu.Unlock()
				asked++
				return "", grant.ErrWrongPassword
			})
		})
		race(100, func(i int) *reply { return f.passwordFrom(fmt.Sprintf("203.0.113.%d:1", i), "alice", "x") })
		require.Equal(t, 10, asked)
	})
	t.Run("a host's own limiter is asked, and told how it ended", func(t *testing.T) {
		l := &spyLimiter{}
		f := newFixture(t, withPasswords, func(f *fixture) { f.config.Limiter = l })
		f.passwordFrom(home, "alice", "x")
		f.passwordFrom(home, "alice", "pw-alice")
		l.wait = 90 * time.Second
		res := f.passwordFrom(home, "alice", "pw-alice")
		require.Equal(t, http.StatusTooManyRequests, res.StatusCode)
		require.Equal(t, "90", res.Header.Get("Retry-After"))
		l.wait, l.err = 0, errors.New("the counter is away")
		f.refused(f.passwordFrom(home, "alice", "pw-alice"), 503, "temporarily_unavailable")
		require.Equal(t, []string{"password alice 192.0.2.1 false", "password alice 192.0.2.1 true"}, l.ended)
	})
}

type spyLimiter struct {
	wait  time.Duration
	err   error
	ended []string
}

func (l *spyLimiter) Allow(context.Context, grant.Attempt) (time.Duration, error) {
	return l.wait, l.err
}

func (l *spyLimiter) Record(_ context.Context, a grant.Attempt, succeeded bool) {
	l.ended = append(l.ended, fmt.Sprintf("%s %s %s %v", a.Kind, a.Account, a.Source, succeeded))
}
