package grantor_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
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
	"github.com/grantor-go/grantor/secret"
	"github.com/grantor-go/grantor/store"
)

// How a token request must look before anybody asks what it is for.

// machine is the body of a good client credentials request.
const machine = "grant_type=client_credentials&scope=read"

// tokenRequest is a token request of m2m by Basic with any body.
func tokenRequest(body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, issuer+"/token", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth("m2m", secrets["m2m"])
	return r
}

// granted checks that res is a token response.
func (f *fixture) granted(res *reply) {
	f.t.Helper()
	require.Equal(f.t, http.StatusOK, res.StatusCode, "%s", res.body)
	require.NotEmpty(f.t, res.str(f.t, "access_token"))
}

// pairs writes a form body by hand, in order.
func pairs(form url.Values, more ...string) string {
	return strings.Join(append([]string{form.Encode()}, more...), "&")
}

func TestTokenRequestMethods(t *testing.T) {
	f := newFixture(t)
	q := request("conf-a")
	form := codeForm(f.browser("alice").code(q), q)
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		for where, target := range map[string]string{"the body": "/token", "the query": "/token?" + form.Encode()} {
			t.Run("TK-01 "+method+" with good parameters in "+where+" is 405 and spends nothing", func(t *testing.T) {
				r := f.request("/token", "conf-a", form)
				r.Method, r.URL = method, httptest.NewRequest(method, issuer+target, nil).URL
				res := f.do(r)
				require.Equal(t, http.StatusMethodNotAllowed, res.StatusCode, "%s", res.body)
				require.Equal(t, "POST", res.Header.Get("Allow"))
				require.Equal(t, "no-store", res.Header.Get("Cache-Control"))
			})
		}
	}
	t.Run("TK-17 no header and no parameter turns GET into POST", func(t *testing.T) {
		for _, target := range []string{"/token", "/token?_method=POST"} {
			r := f.request("/token", "conf-a", form)
			r.Method, r.URL = http.MethodGet, httptest.NewRequest(http.MethodGet, issuer+target, nil).URL
			r.Header.Set("X-HTTP-Method-Override", "POST")
			r.Header.Set("X-Method-Override", "POST")
			require.Equal(t, http.StatusMethodNotAllowed, f.do(r).StatusCode)
		}
	})
	f.granted(f.post("/token", "conf-a", form))
}

func TestTokenRequestURL(t *testing.T) {
	f := newFixture(t)
	q := request("conf-a")
	form := codeForm(f.browser("alice").code(q), q)
	t.Run("TK-02 parameters in the query are refused and spend nothing", func(t *testing.T) {
		r := f.request("/token?"+form.Encode(), "conf-a", nil)
		r.Body = http.NoBody
		r.ContentLength = 0
		f.refused(f.do(r), 400, "invalid_request")
		f.refused(f.post("/token?code_verifier="+verifier, "conf-a", form), 400, "invalid_request")
	})
	t.Run("TK-03 a client_secret in the query is refused, and noted as a secret in a URL", func(t *testing.T) {
		before := len(f.kinds())
		f.refused(f.post("/token?client_secret="+secrets["conf-a"], "conf-a", form), 400, "invalid_request")
		if got := f.kinds()[before:]; !slices.Contains(got, grantor.CredentialInURL) {
			t.Errorf("got events %v", got)
		}
		require.NotContains(t, f.logs(), secrets["conf-a"])
	})
	t.Run("a parameter that is nobody's may stand in the query", func(t *testing.T) {
		f.granted(f.post("/token?tenant=1", "conf-a", form))
	})
	t.Run("a query that does not decode is refused", func(t *testing.T) {
		f.refused(f.post("/token?x=%zz", "m2m", url.Values{"grant_type": {"client_credentials"}}), 400, "invalid_request")
	})
}

func TestTokenRequestRepetition(t *testing.T) {
	f := newFixture(t)
	q := request("conf-a")
	form := codeForm(f.browser("alice").code(q), q)
	form.Set("client_id", "conf-a")
	for _, name := range []string{"grant_type", "code", "redirect_uri", "client_id", "code_verifier", "scope"} {
		for how, value := range map[string]string{"the same value": form.Get(name), "another value": "x", "an empty value": ""} {
			t.Run("TK-04 "+name+" repeated with "+how+" is refused and spends nothing", func(t *testing.T) {
				body := pairs(form, name+"="+url.QueryEscape(value))
				if name == "scope" {
					body = pairs(form, "scope=read", "scope="+url.QueryEscape(value))
				}
				r := f.request("/token", "conf-a", nil)
				r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
				f.refused(f.do(r), 400, "invalid_request")
			})
		}
	}
	refresh := f.post("/token", "conf-a", form).str(t, "refresh_token")
	t.Run("TK-04 refresh_token repeated is refused and spends nothing", func(t *testing.T) {
		body := pairs(refreshForm(refresh), "refresh_token="+refresh)
		r := f.request("/token", "conf-a", nil)
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
		f.refused(f.do(r), 400, "invalid_request")
		f.granted(f.post("/token", "conf-a", refreshForm(refresh)))
	})
	t.Run("TK-04 client_secret repeated is refused", func(t *testing.T) {
		body := machine + "&client_id=m2m&client_secret=" + secrets["m2m"] + "&client_secret=" + secrets["m2m"]
		r := tokenRequest(body)
		r.Header.Del("Authorization")
		f.refused(f.do(r), 400, "invalid_request")
	})
	t.Run("TK-05 a repeated parameter that nobody knows is ignored", func(t *testing.T) {
		f.granted(f.do(tokenRequest(machine + "&x=1&x=2")))
	})
	t.Run("RG-11 a name with brackets is refused, not granted without what it meant", func(t *testing.T) {
		for _, body := range []string{
			"grant_type=client_credentials&scope[a]=b", "grant_type=client_credentials&scope[]=read&scope[]=write",
			"grant_type=client_credentials&scope%5B0%5D=read", "grant_type[]=client_credentials",
			machine + "&resource[]=https://api.example", machine + "&client_id[a]=m2m",
		} {
			f.refused(f.do(tokenRequest(body)), 400, "invalid_request")
		}
		f.granted(f.do(tokenRequest(machine + "&x[a]=b&[scope]=read")))
	})
}

func TestTokenRequestContentType(t *testing.T) {
	const plain = "application/x-www-form-urlencoded"
	for name, c := range map[string]struct {
		header []string
		body   string
		want   int
	}{
		"TK-06 JSON is refused":                                           {[]string{"application/json"}, `{"grant_type":"client_credentials","scope":"read"}`, 400},
		"TK-06 a form that says it is JSON is refused":                    {[]string{"application/json"}, machine, 400},
		"TK-06 multipart is refused":                                      {[]string{"multipart/form-data; boundary=b"}, "--b\r\nContent-Disposition: form-data; name=\"grant_type\"\r\n\r\nclient_credentials\r\n--b--\r\n", 400},
		"TK-06 plain text is refused":                                     {[]string{"text/plain"}, machine, 400},
		"TK-06 no content type is refused":                                {nil, machine, 400},
		"TK-06 an empty content type is refused":                          {[]string{""}, machine, 400},
		"TK-07 two types in one header are refused":                       {[]string{"application/json, " + plain}, machine, 400},
		"TK-07 two types the other way round are refused":                 {[]string{plain + ", application/json"}, machine, 400},
		"TK-07 UTF-16 is refused":                                         {[]string{plain + "; charset=utf-16"}, machine, 400},
		"TK-07 UTF-8, said aloud, is accepted":                            {[]string{plain + "; charset=UTF-8"}, machine, 200},
		"TK-07 capital letters are accepted":                              {[]string{"APPLICATION/X-WWW-FORM-URLENCODED"}, machine, 200},
		"TK-07 two headers are refused":                                   {[]string{plain, plain}, machine, 400},
		"TK-07 two headers that disagree are refused":                     {[]string{plain, "application/json"}, machine, 400},
		"TK-07 a parameter that is garbage is refused":                    {[]string{plain + "; =\x01;;"}, machine, 400},
		"TK-07 a content type of 64 kB is refused":                        {[]string{plain + "; x=" + strings.Repeat("y", 64<<10)}, machine, 400},
		"a type that only begins like the right one is refused":           {[]string{plain + "2"}, machine, 400},
		"a boundary, as some libraries send with every form, is let pass": {[]string{plain + "; boundary=x"}, machine, 200},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			r := tokenRequest(c.body)
			r.Header.Del("Content-Type")
			if c.header != nil {
				r.Header["Content-Type"] = c.header
			}
			if res := f.do(r); c.want == 200 {
				f.granted(res)
			} else {
				f.refused(res, c.want, "invalid_request")
			}
		})
	}
	t.Run("TK-20 a packed body is 415, whatever it says", func(t *testing.T) {
		f := newFixture(t)
		var packed bytes.Buffer
		w := gzip.NewWriter(&packed)
		_, err := w.Write([]byte(machine))
		require.NoError(t, err)
		require.NoError(t, w.Close())
		for _, coding := range []string{"gzip", "deflate", "br", "identity, gzip"} {
			r := tokenRequest(packed.String())
			r.Header.Set("Content-Encoding", coding)
			f.refused(f.do(r), http.StatusUnsupportedMediaType, "invalid_request")
		}
	})
}

func TestTokenRequestEncoding(t *testing.T) {
	f := newFixture(t)
	for name, body := range map[string]string{
		"TK-08 a broken escape before good parameters": "a=%zz&" + machine,
		"TK-08 a broken escape after good parameters":  machine + "&a=%",
		"TK-08 a broken escape in a name":              machine + "&%4=1",
		"TK-09 a NUL in a value":                       machine + "&a=%00",
		"TK-09 a NUL in a scope":                       machine + "%00",
		"TK-09 a NUL as it is":                         machine + "&a=\x00",
		"TK-09 a NUL in a name":                        machine + "&a%00=1",
		"TK-09 a value that is not UTF-8":              machine + "&a=%ff%fe",
		"TK-09 a client_id that is not UTF-8":          machine + "&client_id=%c3%28",
		"TK-09 a surrogate in UTF-8":                   machine + "&a=%ed%a0%80",
	} {
		t.Run(name+" spoils all of the body", func(t *testing.T) {
			f.refused(f.do(tokenRequest(body)), 400, "invalid_request")
		})
	}
	for _, name := range []string{"grant_type", "scope", "client_id", "client_secret", "code", "x"} {
		t.Run("TK-09 a megabyte of "+name+" is 413", func(t *testing.T) {
			f.refused(f.do(tokenRequest(machine+"&"+name+"="+strings.Repeat("x", 1<<20))), 413, "invalid_request")
		})
	}
	t.Run("HT-07 ten thousand equal keys are refused", func(t *testing.T) {
		f.refused(f.do(tokenRequest(machine+strings.Repeat("&a=1", 10000))), 400, "invalid_request")
	})
	t.Run("HT-07 a thousand different keys are refused", func(t *testing.T) {
		var b strings.Builder
		for i := range 1000 {
			fmt.Fprintf(&b, "&k%d=1", i)
		}
		f.refused(f.do(tokenRequest(machine+b.String())), 400, "invalid_request")
	})
	t.Run("HT-07 a hundred thousand parameters are more than the body may hold, 413", func(t *testing.T) {
		f.refused(f.do(tokenRequest(machine+strings.Repeat("&a", 100000))), 413, "invalid_request")
	})
}

func TestTokenRequestGrantType(t *testing.T) {
	f := newFixture(t)
	for _, c := range []struct{ name, body, code string }{
		{"TK-10 no grant_type is invalid_request", "scope=read", "invalid_request"},
		{"TK-10 an empty grant_type is invalid_request", "grant_type=&scope=read", "invalid_request"},
		{"TK-10 no body at all is invalid_request", "", "invalid_request"},
		{"TK-10 a grant_type that is not known is unsupported", "grant_type=urn:example:magic", "unsupported_grant_type"},
		{"TK-10 capital letters make another grant_type, unsupported", "grant_type=Client_Credentials", "unsupported_grant_type"},
		{"TK-10 a space makes another grant_type, unsupported", "grant_type=client_credentials+", "unsupported_grant_type"},
		{"TK-10 implicit is no grant_type, unsupported", "grant_type=implicit", "unsupported_grant_type"},
		{"TK-11 a grant the client has not registered is unauthorized_client", "grant_type=authorization_code&code=x", "unauthorized_client"},
		{"TK-11 so is refreshing, before the token is looked at", "grant_type=refresh_token&refresh_token=x", "unauthorized_client"},
	} {
		t.Run(c.name, func(t *testing.T) { f.refused(f.do(tokenRequest(c.body)), 400, c.code) })
	}
	t.Run("TK-12 an empty scope is as none: the defaults are granted", func(t *testing.T) {
		res := f.do(tokenRequest("grant_type=client_credentials&scope=&resource=&client_id=&client_secret="))
		f.granted(res)
		require.Equal(t, "read", res.str(t, "scope"))
	})
	t.Run("TK-15 a hostile grant_type does not come back", func(t *testing.T) {
		res := f.do(tokenRequest("grant_type=" + url.QueryEscape(`<magic>"\`+"\r\nX: y é")))
		f.refused(res, 400, "unsupported_grant_type")
		require.NotContains(t, res.body, "magic")
		for _, c := range res.str(t, "error_description") {
			if c < ' ' || c > '~' || c == '"' || c == '\\' {
				t.Errorf("error_description has %q", c)
			}
		}
	})
}

func TestTokenResponses(t *testing.T) {
	f := newFixture(t, func(f *fixture) {
		f.config.Response = func(_ context.Context, i grantor.Issuance) (map[string]any, error) {
			if i.Grant.Subject == "m2m" {
				return nil, nil
			}
			panic("a hook fails")
		}
	})
	ok := f.do(tokenRequest("grant_type=client_credentials&scope=write+read"))
	for name, c := range map[string]struct {
		status int
		res    *reply
	}{
		"a success":           {200, ok},
		"a refusal":           {400, f.do(tokenRequest("grant_type=x"))},
		"a failed login":      {401, f.post("/token", "", url.Values{"client_id": {"conf-a"}, "client_secret": {"x"}})},
		"a wrong method":      {405, f.do(httptest.NewRequest(http.MethodGet, issuer+"/token", nil))},
		"a body too large":    {413, f.do(tokenRequest(strings.Repeat("x", 1<<17)))},
		"a panic of the host": {500, f.post("/token", "conf-a", url.Values{"grant_type": {"client_credentials"}})},
	} {
		t.Run("TK-13 "+name+" is JSON that nobody stores", func(t *testing.T) {
			require.Equal(t, c.status, c.res.StatusCode)
			require.Equal(t, "no-store", c.res.Header.Get("Cache-Control"))
			require.Equal(t, []string{"application/json"}, c.res.Header["Content-Type"])
			if c.status != http.StatusMethodNotAllowed {
				require.Equal(t, "no-cache", c.res.Header.Get("Pragma"))
			}
			c.res.json(t)
		})
	}
	t.Run("TK-14 a success has a type, a positive lifetime, the scope and no nulls", func(t *testing.T) {
		m := ok.json(t)
		require.Equal(t, "Bearer", m["token_type"])
		require.Equal(t, float64(600), m["expires_in"])
		require.Equal(t, "write read", m["scope"])
		require.Len(t, m, 4)
	})
	t.Run("TK-14 scope is said when it is less than was asked for", func(t *testing.T) {
		res := f.do(tokenRequest("grant_type=client_credentials&scope=read+write&resource=https://jwt.example"))
		f.granted(res)
		require.Equal(t, "read", res.str(t, "scope"))
	})
}

// A countingBody notes how much of it was read.
type countingBody struct {
	io.Reader
	n int64
}

func (b *countingBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	b.n += int64(n)
	return n, err
}

func (*countingBody) Close() error { return nil }

func TestTokenRequestSize(t *testing.T) {
	f := newFixture(t)
	const limit = 64 << 10
	full := machine + "&x=" + strings.Repeat("y", limit-len(machine)-len("&x="))
	t.Run("HT-06 64 kB are read", func(t *testing.T) { f.granted(f.do(tokenRequest(full))) })
	t.Run("HT-06 a byte more, declared, is 413 without reading", func(t *testing.T) {
		body := &countingBody{Reader: strings.NewReader(full + "y")}
		r := tokenRequest("")
		r.Body, r.ContentLength = body, limit+1
		f.refused(f.do(r), 413, "invalid_request")
		require.Zero(t, body.n)
	})
	t.Run("HT-06 a body without end, in chunks, is 413 after 64 kB", func(t *testing.T) {
		body := &countingBody{Reader: endless{}}
		r := tokenRequest("")
		r.Body, r.ContentLength = body, -1
		f.refused(f.do(r), 413, "invalid_request")
		if body.n > limit+1 {
			t.Errorf("read %d bytes", body.n)
		}
	})
	t.Run("a body that breaks off is refused whole", func(t *testing.T) {
		r := tokenRequest("")
		r.Body, r.ContentLength = io.NopCloser(io.MultiReader(strings.NewReader(machine), broken{})), -1
		f.refused(f.do(r), 400, "invalid_request")
	})
	t.Run("HT-15 a client that asks before sending a terabyte is told 413 and not to go on", func(t *testing.T) {
		server := httptest.NewServer(f.server)
		defer server.Close()
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		require.NoError(t, err)
		defer conn.Close()
		require.NoError(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
		_, err = io.WriteString(conn, "POST /token HTTP/1.1\r\nHost: as.example\r\nContent-Type: application/x-www-form-urlencoded\r\n"+
			"Expect: 100-continue\r\nContent-Length: 1099511627776\r\n\r\n")
		require.NoError(t, err)
		line, err := bufio.NewReader(conn).ReadString('\n')
		require.NoError(t, err)
		require.Equal(t, "HTTP/1.1 413 Request Entity Too Large\r\n", line)
	})
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'a'
	}
	return len(p), nil
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("connection reset by peer") }

// panicking panics in every call, with a secret in hand.
type panicking struct{ store.Store }

func (panicking) Get(context.Context, store.Kind, string) (store.Record, error) {
	panic("s3cret in a store")
}

func (panicking) Put(context.Context, store.Record) error { panic(errors.New("s3cret in a store")) }

type panickingClients struct{}

func (panickingClients) Client(context.Context, string) (*client.Client, error) {
	panic("s3cret of a source")
}

type panickingVerifier struct{}

func (panickingVerifier) VerifyPassword(_ context.Context, username, password string) (string, error) {
	panic(username + ":" + password)
}

func TestPanicsOfTheHost(t *testing.T) {
	for name, c := range map[string]struct {
		edit func(*fixture)
		send func(*fixture) *reply
	}{
		"a store that panics on reading": {
			wrap(func(s store.Store) store.Store { return panicking{s} }),
			func(f *fixture) *reply {
				return f.post("/token", "conf-a", refreshForm(secret.Format{}.New(secret.RefreshToken).Reveal()))
			},
		},
		"a store that panics on writing": {
			wrap(func(s store.Store) store.Store { return panicking{s} }),
			func(f *fixture) *reply { return f.do(tokenRequest(machine)) },
		},
		"a client source that panics": {
			func(f *fixture) { f.config.Clients = panickingClients{} },
			func(f *fixture) *reply { return f.do(tokenRequest(machine)) },
		},
		"a claims hook that panics": {
			func(f *fixture) {
				f.config.Claims = func(context.Context, grantor.Issuance) (map[string]any, error) { panic("s3cret of a hook") }
			},
			func(f *fixture) *reply { return f.do(tokenRequest(machine)) },
		},
		"a password verifier that panics": {
			func(f *fixture) { f.config.Password = panickingVerifier{} },
			func(f *fixture) *reply {
				return f.post("/token", "legacy", url.Values{"grant_type": {"password"}, "username": {"alice"}, "password": {"s3cret of alice"}})
			},
		},
	} {
		t.Run("HT-13 RG-10 "+name+" is 500 without a stack, and tells nobody what it had", func(t *testing.T) {
			f := newFixture(t, c.edit)
			res := c.send(f)
			f.refused(res, http.StatusInternalServerError, "server_error")
			require.NotContains(t, res.body, ".go:")
			require.NotContains(t, res.body+f.logs()+fmt.Sprintf("%+v", f.events), "s3cret")
			require.Contains(t, f.kinds(), grantor.Panicked)
			require.Equal(t, http.StatusMethodNotAllowed, f.do(httptest.NewRequest(http.MethodGet, issuer+"/token", nil)).StatusCode, "the server lives")
		})
	}
}
