package grantor_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/grantor-go/grantor/client"
	"github.com/grantor-go/grantor/secret"
)

// How clients prove at the token, introspection and revocation endpoints that
// they are themselves.

// endpoints are those that clients call directly, with a request each that is
// good but for the client.
var endpoints = map[string]url.Values{
	"/token":      {"grant_type": {"client_credentials"}},
	"/introspect": {"token": {"x"}},
	"/revoke":     {"token": {"x"}},
}

// call posts to an endpoint with an Authorization header, if it is not empty,
// and further parameters.
func (f *fixture) call(path, authorization string, params ...string) *reply {
	f.t.Helper()
	form := url.Values{}
	for name, values := range endpoints[path] {
		form[name] = values
	}
	for i := 0; i+1 < len(params); i += 2 {
		form.Set(params[i], params[i+1])
	}
	r := f.request(path, "", form)
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	return f.do(r)
}

// basic is the header of a client that encodes nothing.
func basic(id, secret string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(id+":"+secret))
}

// own is a secret of our own format that belongs to nobody.
func own() string { return secret.Format{}.New(secret.ClientSecret).Reveal() }

// A tally is a Hasher whose hashes are not slow but counted. Digests of scheme 1
// are stale.
type tally struct {
	verified, hashed atomic.Int32
	during           func() // what happens while a secret is verified
}

func (h *tally) Hash(_ context.Context, s string) (secret.Digest, error) {
	h.hashed.Add(1)
	return secret.Digest("$tally2$" + s), nil
}

func (h *tally) Verify(_ context.Context, d secret.Digest, s string) (ok, stale bool, err error) {
	h.verified.Add(1)
	if h.during != nil {
		h.during()
	}
	return string(d) == "$tally1$"+s || string(d) == "$tally2$"+s, strings.HasPrefix(string(d), "$tally1$"), nil
}

// spent is how many slow hashes there were since the last call.
func (h *tally) spent() int32 { return h.verified.Swap(0) + h.hashed.Swap(0) }

// withTally uses h for what is not of our own format.
func withTally(h *tally) func(*fixture) {
	return func(f *fixture) {
		f.config.Secrets.Hasher, f.config.Secrets.Decoys = h, []secret.Digest{"$tally1$nobody's"}
		f.clients["enc:id"].Secrets = []client.Secret{{ID: "s1", Digest: secret.Digest("$tally1$" + secrets["enc:id"])}}
	}
}

// wrongs are requests that fail to authenticate, each for another reason.
func wrongs(wrong string) map[string]func(f *fixture, path string) *reply {
	byBasic := func(id string) func(*fixture, string) *reply {
		return func(f *fixture, path string) *reply { return f.call(path, basic(url.QueryEscape(id), wrong)) }
	}
	byPost := func(id string) func(*fixture, string) *reply {
		return func(f *fixture, path string) *reply {
			return f.call(path, "", "client_id", id, "client_secret", wrong)
		}
	}
	all := map[string]func(*fixture, string) *reply{}
	for who, id := range map[string]string{
		"an unknown client": "nobody", "a wrong secret": "conf-a", "a wrong chosen secret": "enc:id", "a disabled client": "off",
		"a public client with a secret": "pub", "a client_id no client can have": "n\u00f6body", "a client_id that is very long": strings.Repeat("x", 300),
	} {
		all[who+", by header"], all[who+", in the body"] = byBasic(id), byPost(id)
	}
	return all
}

func TestClientAuthenticationFailures(t *testing.T) {
	h := &tally{}
	f := newFixture(t, withTally(h))
	for format, c := range map[string]struct {
		secret string
		slow   int32
	}{"of our format": {own(), 0}, "of another format": {"guess", 1}} {
		for path := range endpoints {
			reference := f.call(path, basic("nobody", c.secret))
			for name, send := range wrongs(c.secret) {
				t.Run("CA-01 CA-02 CA-03 CA-11 "+name+" and a secret "+format+" at "+path+" is the same 401", func(t *testing.T) {
					res := send(f, path)
					f.refused(res, http.StatusUnauthorized, "invalid_client")
					require.Equal(t, `Basic realm="`+issuer+`", charset="UTF-8"`, res.Header.Get("WWW-Authenticate"))
					require.Equal(t, reference.body, res.body)
					require.Equal(t, reference.Header, res.Header)
				})
				t.Run("CA-04 "+name+" and a secret "+format+" at "+path+" costs what an unknown client costs", func(t *testing.T) {
					h.spent()
					send(f, path)
					if got := h.spent(); got != c.slow {
						t.Errorf("got %d slow hashes, want %d", got, c.slow)
					}
				})
			}
		}
	}
	t.Run("CA-03 a script of an origin that nobody registered sees no difference either", func(t *testing.T) {
		var first http.Header
		for _, id := range []string{"nobody", "conf-a", "off", "spa"} {
			r := f.request("/token", "", url.Values{"client_id": {id}, "client_secret": {own()}})
			r.Header.Set("Origin", "https://evil.example")
			if res := f.do(r); first == nil {
				first = res.Header
			} else {
				require.Equal(t, first, res.Header)
			}
		}
	})
	t.Run("the log says which it was", func(t *testing.T) {
		for _, cause := range []string{"unknown or disabled", "no live secret matches", "method not registered"} {
			if !strings.Contains(f.logs(), cause) {
				t.Errorf("%q is not in the log", cause)
			}
		}
		require.NotContains(t, f.logs(), "guess")
	})
}

func TestBasicCredentials(t *testing.T) {
	f := newFixture(t)
	f.clients["colon"] = &client.Client{ID: "colon", GrantTypes: []string{"client_credentials"}, Secrets: []client.Secret{{Digest: mustDigest(t, "a:b::c")}}}
	encoded := basic(url.QueryEscape("enc:id"), url.QueryEscape(secrets["enc:id"]))
	m2m := basic("m2m", secrets["m2m"])
	for _, c := range []struct {
		name, header string
		status       int
	}{
		{"CA-05 RG-7 id and secret are form-decoded", encoded, 200},
		{"CA-05 spaces may be written %20 as well", basic(url.QueryEscape("enc:id"), strings.ReplaceAll(url.QueryEscape(secrets["enc:id"]), "+", "%20")), 200},
		{"CA-05 RG-7 an id that is not encoded ends at its colon", basic("enc:id", secrets["enc:id"]), 401},
		{"RG-7 a secret may hold colons", basic("colon", "a:b::c"), 200},
		{"CA-07 RG-16 bAsIc is Basic", "bAsIc" + m2m[len("Basic"):], 200},
		{"CA-07 RG-16 BASIC is Basic", "BASIC" + m2m[len("Basic"):], 200},
		{"several spaces after the scheme are accepted, RFC 9110 §11.4", "Basic  " + m2m[len("Basic "):], 200},
		{"a tab after the scheme is not", "Basic\t" + m2m[len("Basic "):], 401},
		{"CA-06 a broken escape", basic("m2m", "%zz"), 401},
		{"CA-06 a broken escape in the id", basic("%zz", "x"), 401},
		{"CA-06 no colon", "Basic " + base64.StdEncoding.EncodeToString([]byte("m2m")), 401},
		{"CA-06 nothing but a colon", "Basic Og==", 401},
		{"CA-06 an empty id", basic("", secrets["m2m"]), 401},
		{"CA-06 nothing", "Basic", 401},
		{"CA-06 nothing but a space", "Basic ", 401},
		{"CA-06 no base64", "Basic !!!", 401},
		{"CA-06 base64 without its padding", strings.TrimRight("Basic bTJtOng=", "="), 401},
		{"CA-06 a NUL in the id", basic("m2m\x00", "x"), 401},
		{"CA-06 an escaped NUL in the secret", basic("m2m", secrets["m2m"]+"%00"), 401},
		{"CA-06 an id that is not UTF-8", basic("\xff\xfe", "x"), 401},
		{"CA-06 a secret that is not UTF-8", basic("m2m", "%ff"), 401},
		{"CA-06 a header of 100 kB", basic("m2m", strings.Repeat("x", 100<<10)), 401},
		{"CA-10 an empty secret", basic("m2m", ""), 401},
		{"TK-19 another scheme alone", "Bearer " + secrets["m2m"], 401},
		{"a scheme that only begins like Basic", "Basics " + m2m[len("Basic "):], 401},
	} {
		t.Run(c.name+fmt.Sprintf(": %d", c.status), func(t *testing.T) {
			if res := f.call("/token", c.header); c.status == 200 {
				f.granted(res)
			} else {
				f.refused(res, c.status, "invalid_client")
			}
		})
	}
}

func mustDigest(t *testing.T, s string) secret.Digest {
	t.Helper()
	d, err := (&secret.Checker{}).Digest(context.Background(), s)
	require.NoError(t, err)
	return d
}

func TestSeveralCredentials(t *testing.T) {
	f := newFixture(t)
	q := request("conf-a")
	form := codeForm(f.browser("alice").code(q), q)
	with := func(authorization []string, params ...string) *reply {
		body := url.Values{}
		for name, values := range form {
			body[name] = values
		}
		for i := 0; i+1 < len(params); i += 2 {
			body.Set(params[i], params[i+1])
		}
		r := f.request("/token", "", body)
		r.Header["Authorization"] = authorization
		return f.do(r)
	}
	a, b := basic("conf-a", secrets["conf-a"]), basic("conf-b", secrets["conf-b"])
	for _, c := range []struct {
		name          string
		authorization []string
		params        []string
		status        int
		code          string
	}{
		{"CA-08 RG-6 header and body, both right", []string{a}, []string{"client_id", "conf-a", "client_secret", secrets["conf-a"]}, 400, "invalid_request"},
		{"CA-08 header and body without client_id", []string{a}, []string{"client_secret", secrets["conf-a"]}, 400, "invalid_request"},
		{"CA-08 a header that is broken, and a body that is right", []string{"Basic !"}, []string{"client_id", "conf-a", "client_secret", secrets["conf-a"]}, 400, "invalid_request"},
		{"CA-09 RG-6 the header of one client and the client_id of another", []string{b}, []string{"client_id", "conf-a"}, 400, "invalid_request"},
		{"CA-09 RG-6 the header of a confidential client and the client_id of a public one", []string{b}, []string{"client_id", "pub"}, 400, "invalid_request"},
		{"CA-09 a client_id that differs in case", []string{a}, []string{"client_id", "CONF-A"}, 400, "invalid_request"},
		{"TK-18 two Authorization headers", []string{a, a}, nil, 400, "invalid_request"},
		{"TK-18 two Authorization headers, one of them empty", []string{a, ""}, nil, 400, "invalid_request"},
		{"TK-18 two Authorization headers of two schemes", []string{"Bearer x", a}, nil, 400, "invalid_request"},
		{"two headers joined by a comma, as proxies do", []string{a + ", " + a}, nil, 401, "invalid_client"},
		{"TK-19 a Bearer header besides the right secret in the body", []string{"Bearer x"}, []string{"client_id", "conf-a", "client_secret", secrets["conf-a"]}, 401, "invalid_client"},
		{"TK-19 a Bearer header besides a client_id", []string{"Bearer x"}, []string{"client_id", "conf-a"}, 401, "invalid_client"},
		{"TK-19 a Bearer header besides a public client_id", []string{"Bearer x"}, []string{"client_id", "pub"}, 401, "invalid_client"},
		{"CA-10 RG-6 no secret", nil, []string{"client_id", "conf-a"}, 401, "invalid_client"},
		{"CA-10 an empty secret", nil, []string{"client_id", "conf-a", "client_secret", ""}, 401, "invalid_client"},
		{"CA-10 neither name nor secret", nil, nil, 401, "invalid_client"},
		{"a secret and no name", nil, []string{"client_secret", secrets["conf-a"]}, 401, "invalid_client"},
		{"CD-13 a wrong secret", []string{basic("conf-a", own())}, nil, 401, "invalid_client"},
		{"CD-13 another client's secret", []string{basic("conf-a", secrets["conf-b"])}, nil, 401, "invalid_client"},
		{"a credential of another kind that the client has", []string{basic("conf-a", form.Get("code"))}, nil, 401, "invalid_client"},
		{"the digest in place of the secret", []string{basic("conf-a", string(digests()["conf-a"]))}, nil, 401, "invalid_client"},
	} {
		t.Run(fmt.Sprintf("%s: %d, and the code is not spent", c.name, c.status), func(t *testing.T) {
			f.refused(with(c.authorization, c.params...), c.status, c.code)
		})
	}
	t.Run("header and the same client_id in the body are one credential", func(t *testing.T) {
		f.granted(with([]string{a}, "client_id", "conf-a"))
	})
}

func TestRegisteredMethods(t *testing.T) {
	present := map[string]func(f *fixture, path, id string) *reply{
		"client_secret_basic": func(f *fixture, path, id string) *reply { return f.call(path, basic(id, secrets["m2m"])) },
		"client_secret_post": func(f *fixture, path, id string) *reply {
			return f.call(path, "", "client_id", id, "client_secret", secrets["m2m"])
		},
		"none": func(f *fixture, path, id string) *reply { return f.call(path, "", "client_id", id) },
		"private_key_jwt": func(f *fixture, path, id string) *reply {
			return f.call(path, "", "client_id", id, "client_assertion", "e30.e30.x",
				"client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
		},
	}
	for _, registered := range []string{"client_secret_basic", "client_secret_post", "none", "private_key_jwt"} {
		f := newFixture(t)
		f.clients["c"] = &client.Client{
			ID: "c", AuthMethods: []string{registered}, Secrets: f.clients["m2m"].Secrets, GrantTypes: []string{"client_credentials"},
		}
		for presented, send := range present {
			if presented == registered || presented == "private_key_jwt" && registered == "none" {
				continue // an assertion is a parameter like any other until something reads it
			}
			for path := range endpoints {
				t.Run("CA-12 a client registered for "+registered+" that uses "+presented+" at "+path+" is refused", func(t *testing.T) {
					f.refused(send(f, path, "c"), 401, "invalid_client")
				})
			}
		}
	}
	t.Run("CA-12 the registered method is not refused", func(t *testing.T) {
		for _, registered := range []string{"client_secret_basic", "client_secret_post"} {
			f := newFixture(t)
			f.clients["m2m"].AuthMethods = []string{registered}
			for path := range endpoints {
				require.Equal(t, 200, present[registered](f, path, "m2m").StatusCode)
			}
		}
	})
	t.Run("CA-12 a client that mixes none with a secret, which no valid one does, needs the secret", func(t *testing.T) {
		f := newFixture(t)
		f.clients["m2m"].AuthMethods = []string{"none", "client_secret_basic"}
		f.refused(present["none"](f, "/token", "m2m"), 401, "invalid_client")
		f.granted(present["client_secret_basic"](f, "/token", "m2m"))
	})
}

func TestSecretLifetimes(t *testing.T) {
	f := newFixture(t)
	now := f.now()
	old, next := own(), own()
	f.clients["m2m"].Secrets = []client.Secret{
		{ID: "old", Digest: mustDigest(t, old), Expires: now.Add(time.Hour)},
		{ID: "new", Digest: mustDigest(t, next), NotBefore: now.Add(time.Minute)},
	}
	step := func(name string, oldWorks, newWorks bool) {
		for path := range endpoints {
			t.Run("CA-13 CS-02 "+name+" at "+path, func(t *testing.T) {
				for s, works := range map[string]bool{old: oldWorks, next: newWorks} {
					for _, res := range []*reply{f.call(path, basic("m2m", s)), f.call(path, "", "client_id", "m2m", "client_secret", s)} {
						if works {
							require.Equal(t, 200, res.StatusCode, "%s", res.body)
						} else {
							f.refused(res, 401, "invalid_client")
						}
					}
				}
			})
		}
	}
	step("before its time a secret is refused", true, false)
	f.advance(time.Minute)
	step("two secrets work side by side", true, true)
	f.advance(59*time.Minute - time.Second)
	step("the old one works to its last second", true, true)
	f.advance(time.Second)
	step("an expired secret is refused", false, true)
}

func TestLongSecrets(t *testing.T) {
	h := &counted{Hasher: new(secret.Slow)}
	f := newFixture(t, func(f *fixture) { f.config.Secrets.Hasher = h })
	long := strings.Repeat("0123456789", 10)
	f.clients["long"] = &client.Client{ID: "long", GrantTypes: []string{"client_credentials"}, Secrets: []client.Secret{{Digest: mustDigest(t, long)}}}
	for _, c := range []struct {
		name, secret string
		status       int
		slow         int32
	}{
		{"all of it works", long, 200, 1},
		{"its first 72 bytes do not", long[:72], 401, 1},
		{"nor does a byte more", long + "0", 401, 1},
		{"nor do 10 kB, which are not hashed", strings.Repeat(long, 100), 401, 0},
	} {
		t.Run("CA-14 of a secret longer than bcrypt reads, "+c.name, func(t *testing.T) {
			for _, res := range []func() *reply{
				func() *reply { return f.call("/token", basic("long", c.secret)) },
				func() *reply { return f.call("/token", "", "client_id", "long", "client_secret", c.secret) },
			} {
				h.calls.Store(0)
				require.Equal(t, c.status, res().StatusCode)
				require.Equal(t, c.slow, h.calls.Load())
			}
		})
	}
}

// A counted is a Hasher that counts.
type counted struct {
	secret.Hasher
	calls atomic.Int32
}

func (h *counted) Verify(ctx context.Context, d secret.Digest, s string) (ok, stale bool, err error) {
	h.calls.Add(1)
	return h.Hasher.Verify(ctx, d, s)
}

func TestGuessingClientSecrets(t *testing.T) {
	t.Run("CA-34 a thousand wrong guesses get one 401 each, and the owner is served between them", func(t *testing.T) {
		h := &tally{}
		f := newFixture(t, withTally(h))
		for i := range 1000 {
			guess, cost := own(), int32(0)
			if i%2 == 0 {
				guess, cost = fmt.Sprint("guess", i), 1
			}
			h.spent()
			f.refused(f.call("/token", basic("m2m", guess)), 401, "invalid_client")
			require.Equal(t, cost, h.spent(), "at guess %d", i)
		}
		f.granted(f.call("/token", basic("m2m", secrets["m2m"])))
	})
	t.Run("CA-34 while guesses take all the slow hashing there is, generated secrets are served", func(t *testing.T) {
		busy := &tally{}
		release := make(chan struct{})
		started := make(chan struct{}, 8)
		busy.during = func() { started <- struct{}{}; <-release }
		f := newFixture(t, withTally(busy))
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() { f.call("/token", basic("enc%3Aid", "guess")) })
		}
		for range 8 {
			<-started
		}
		f.granted(f.call("/token", basic("m2m", secrets["m2m"])))
		close(release)
		wg.Wait()
	})
	t.Run("a client whose slow secret cannot be checked now is told 503, not that it is wrong", func(t *testing.T) {
		f := newFixture(t, func(f *fixture) { f.config.Secrets.Hasher = busyHasher{} })
		res := f.call("/token", basic("enc%3Aid", url.QueryEscape(secrets["enc:id"])))
		f.refused(res, 503, "temporarily_unavailable")
		require.NotEmpty(t, res.Header.Get("Retry-After"))
	})
}

type busyHasher struct{}

func (busyHasher) Hash(context.Context, string) (secret.Digest, error) { return "", secret.ErrBusy }

func (busyHasher) Verify(context.Context, secret.Digest, string) (ok, stale bool, err error) {
	return false, false, secret.ErrBusy
}
