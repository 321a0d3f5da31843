package grantor_test

import (
	"context"
	"errors"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/grantor-go/grantor"
	"github.com/grantor-go/grantor/client"
	"github.com/grantor-go/grantor/form"
	"github.com/grantor-go/grantor/grant"
	"github.com/grantor-go/grantor/store"
	"github.com/grantor-go/grantor/store/storetest"
)

// What the authorization endpoint makes of a request before it asks anybody:
// some errors are pages of its own, all others go back to the client.

// opens opens an authorization request, spelled as it is, as alice.
func (f *fixture) opens(rawQuery string) *reply {
	f.t.Helper()
	return f.browser("alice").open(issuer+"/authorize?"+rawQuery, nil)
}

// staysHere checks that the request was answered by a page that leads nowhere,
// and that nothing came of it.
func (f *fixture) staysHere(t *testing.T, res *reply, status int) {
	t.Helper()
	require.Equal(t, status, res.StatusCode, "%s", res.Header.Get("Location"))
	require.Empty(t, res.Header.Get("Location"))
	require.Equal(t, "text/html; charset=utf-8", res.Header.Get("Content-Type"))
	for _, way := range []string{"<script", "<form", "http-equiv", "href", "src="} {
		require.NotContains(t, res.body, way)
	}
	require.Zero(t, f.memory.Len(), "something was stored")
	require.NotContains(t, f.kinds(), grantor.CodeIssued)
}

// goesBack checks that the client is told of the error, with the state, at the
// redirect URI of an ordinary request.
func (f *fixture) goesBack(t *testing.T, res *reply, code, state string) {
	t.Helper()
	location := res.Header.Get("Location")
	require.Equal(t, http.StatusSeeOther, res.StatusCode, "%s", res.body)
	require.True(t, strings.HasPrefix(location, callback+"?error="), location)
	answer := res.answer(t)
	require.Equal(t, code, answer.Get("error"), location)
	require.Equal(t, issuer, answer.Get("iss"))
	require.Equal(t, state != "", answer.Has("state"))
	require.Equal(t, state, answer.Get("state"))
	require.False(t, answer.Has("code"))
	for name, values := range answer {
		require.Len(t, values, 1, "%s in %s", name, location)
	}
	if d := answer.Get("error_description"); !errorText.MatchString(d) {
		t.Errorf("AZ-30: %q has characters that RFC 6749 forbids", d)
	}
	require.Zero(t, f.memory.Len(), "something was stored")
}

var errorText = regexp.MustCompile(`^[\x20-\x21\x23-\x5B\x5D-\x7E]+$`)

// hidden are the fields of the form in a page of response_mode=form_post.
func hidden(t *testing.T, body string) url.Values {
	t.Helper()
	fields := url.Values{}
	for _, m := range regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`).FindAllStringSubmatch(body, -1) {
		fields.Add(html.UnescapeString(m[1]), html.UnescapeString(m[2]))
	}
	return fields
}

func TestRequestsThatAreAnsweredHere(t *testing.T) {
	good := request("first").Encode()
	with := func(pairs ...string) string { return request("first", pairs...).Encode() }
	evil := url.QueryEscape("https://evil.example/cb")
	registered := "&redirect_uri=" + url.QueryEscape(callback)
	for _, c := range []struct {
		name  string
		query string
	}{
		{"AZ-01 an unknown client", with("client_id", "nobody")},
		{"AZ-01 markup for a client", with("client_id", "<script>alert(1)</script>")},
		{"AZ-02 no client", with("client_id", "")},
		{"AZ-02 an empty client", with("client_id", "") + "&client_id="},
		{"AZ-02 nothing at all", ""},
		{"AZ-03 the client twice", good + "&client_id=first"},
		{"AZ-03 two clients", good + "&client_id=conf-a"},
		{"AZ-03 the client and an empty one", good + "&client_id="},
		{"AZ-04 RG-1 the good address and an evil one", good + "&redirect_uri=" + evil},
		{"AZ-04 RG-1 an evil address and the good one", "redirect_uri=" + evil + "&" + good},
		{"AZ-04 the address twice", good + registered},
		{"AZ-18 a NUL anywhere, the whole request being refused", good + "&login_hint=a%00b"},
		{"AZ-18 a NUL in a name", good + "&a%00b=c"},
		{"AZ-18 what is not UTF-8 in state, the whole request being refused", with("state", "") + "&state=%ff"},
		{"AZ-19 a client with a NUL", with("client_id", "") + "&client_id=first%00"},
		{"AZ-19 a client that is not UTF-8", with("client_id", "") + "&client_id=%FF"},
		{"AZ-19 a client of 8 kB", with("client_id", strings.Repeat("a", 8<<10))},
		{"AZ-19 a client with a line break", with("client_id", "first\r\n")},
		{"AZ-35 RG-1 a foreign address in a silent request", with("prompt", "none", "redirect_uri", "https://evil.example/cb")},
		{"AZ-36 RG-1 a foreign address and an unsupported response type", with("response_type", "token", "redirect_uri", "https://evil.example/cb")},
		{"RG-1 a foreign address and a scope that is not allowed", with("scope", "admin", "redirect_uri", "https://evil.example/cb")},
		{"RG-1 a foreign address and a parameter sent twice", with("redirect_uri", "https://evil.example/cb") + "&scope=read"},
		{"RG-1 another client's address", with("redirect_uri", "https://spa.example/cb")},
		{"AZ-49 a disabled client", with("client_id", "off")},
		{"AZ-53 a semicolon, which separates nothing", with("client_id", "") + "&a=1;client_id=first"},
		{"PR-20 RG-1 a request object that names the address", "client_id=first&request=ey&response_type=code"},
		{"a broken escape", good + "&x=%zz"},
		{"a broken escape at the end", good + "&x=%"},
		{"129 parameters", good + strings.Repeat("&a=b", 130)},
	} {
		t.Run(c.name+" is answered here", func(t *testing.T) {
			f := newFixture(t)
			res := f.opens(c.query)
			f.staysHere(t, res, http.StatusBadRequest)
			if strings.Contains(res.body, "alert(1)") {
				t.Errorf("the request is on the page: %s", res.body)
			}
		})
	}
	t.Run("a query of more than 16 kB is answered here with 414", func(t *testing.T) {
		f := newFixture(t)
		f.staysHere(t, f.opens(good+"&x="+strings.Repeat("a", 16<<10)), http.StatusRequestURITooLong)
	})
	t.Run("AZ-49 a disabled client gets the very page of an unknown one", func(t *testing.T) {
		f := newFixture(t)
		page := func(id string) string {
			return regexp.MustCompile(`nonce="[^"]*"`).ReplaceAllString(f.opens(with("client_id", id)).body, "")
		}
		if unknown, off := page("nobody"), page("off"); unknown != off {
			t.Errorf("got %s\nand %s", unknown, off)
		}
	})
	t.Run("events name the client only if it exists", func(t *testing.T) {
		f := newFixture(t)
		f.opens(with("client_id", "nobody"))
		f.opens(with("redirect_uri", "https://evil.example/cb"))
		require.Equal(t, []grantor.EventKind{grantor.AuthorizeRefused, grantor.AuthorizeRefused}, f.kinds())
		require.Equal(t, []string{"", "first"}, []string{f.events[0].ClientID, f.events[1].ClientID})
	})
	t.Run("trouble with the clients is 503 with Retry-After", func(t *testing.T) {
		f := newFixture(t, func(f *fixture) { f.config.Clients = brokenSource{} })
		res := f.opens(good)
		f.staysHere(t, res, http.StatusServiceUnavailable)
		require.NotEmpty(t, res.Header.Get("Retry-After"))
		require.NotContains(t, res.body, "dsn=")
	})
}

type brokenSource struct{}

func (brokenSource) Client(context.Context, string) (*client.Client, error) {
	return nil, errors.New("dsn=postgres://secret")
}

func TestRequestsThatGoBackRefused(t *testing.T) {
	type refusal struct {
		name  string
		query string
		code  string
		state string
	}
	with := func(pairs ...string) string { return request("first", pairs...).Encode() }
	cases := []refusal{
		{"AZ-05 state twice, and is not echoed", with() + "&state=st-1", "invalid_request", ""},
		{"AZ-05 two states, and neither is echoed", with() + "&state=other", "invalid_request", ""},
		{"AZ-05 state and an empty one", with() + "&state=", "invalid_request", ""},
		{"AZ-09 no response type", with("response_type", ""), "invalid_request", "st-1"},
		{"AZ-13 a response type the client is not registered for", request("m2m-redirects").Encode(), "unauthorized_client", "st-1"},
		{"AZ-21 only scopes that are unknown", with("scope", "admin root"), "invalid_scope", "st-1"},
		{"AZ-34 none and login", with("prompt", "none login"), "invalid_request", "st-1"},
		{"AZ-34 none twice in one", with("prompt", "none none"), "invalid_request", "st-1"},
		{"AZ-34 an unknown prompt", with("prompt", "foo"), "invalid_request", "st-1"},
		{"AZ-34 a prompt in capitals", with("prompt", "NONE"), "invalid_request", "st-1"},
		{"AZ-44 an unknown response mode", with("response_mode", "foo"), "invalid_request", "st-1"},
		{"AZ-44 the fragment, which no enabled response type uses", with("response_mode", "fragment"), "invalid_request", "st-1"},
		{"AZ-44 a signed response, which is not supported", with("response_mode", "jwt"), "invalid_request", "st-1"},
		{"BR-13 a message to a window", with("response_mode", "web_message"), "invalid_request", "st-1"},
		{"AZ-44 query with a token in it", with("response_mode", "query", "response_type", "token"), "unsupported_response_type", "st-1"},
		{"AZ-47 12 kB of state, and is not echoed", with("state", strings.Repeat("s", 12<<10)), "invalid_request", ""},
		{"AZ-47 12 kB of state beside another mistake", with("state", strings.Repeat("s", 12<<10)) + "&scope=read", "invalid_request", ""},
		{"PR-20 a request object", with("request", "eyJhbGciOiJub25lIn0.e30."), "request_not_supported", "st-1"},
		{"PR-20 a request by reference", with("request_uri", "https://client.example/request"), "request_uri_not_supported", "st-1"},
		{"RG-11 a structured scope", with("scope", "") + "&scope[a]=b", "invalid_request", "st-1"},
		{"RG-11 a structured scope beside a plain one", with() + "&scope%5B%5D=admin", "invalid_request", "st-1"},
		{"RG-11 a structured resource", with() + "&resource[]=https://api.example", "invalid_request", "st-1"},
		{"an unknown resource", with("resource", "https://nowhere.example"), "invalid_target", "st-1"},
	}
	for _, v := range []string{"token", "id_token", "code token", "code id_token", "id_token code", "none"} {
		cases = append(cases, refusal{"AZ-10 AZ-12 response type " + v, with("response_type", v), "unsupported_response_type", "st-1"})
	}
	for _, v := range []string{"CODE", "code code", "code foo", " code", "code "} {
		cases = append(cases, refusal{fmt.Sprintf("AZ-11 response type %q", v), with("response_type", v), "unsupported_response_type", "st-1"})
	}
	for _, v := range []string{`read "`, `read\`, "read\x01", "read\x7f", "lesen\u00e4", "read\twrite", "read\nwrite", "\u200bread"} {
		cases = append(cases, refusal{fmt.Sprintf("AZ-20 scope %q", v), with("scope", v), "invalid_scope", "st-1"})
	}
	for _, v := range []string{"-1", "abc", "1e3", "99999999999999999999", "4294967296", "+1", "01", " 1", "1.5", "0x10"} {
		cases = append(cases, refusal{fmt.Sprintf("AZ-39 max_age %q", v), with("max_age", v), "invalid_request", "st-1"})
	}
	for name, v := range map[string]string{
		"response_type": "code", "scope": "read write", "code_challenge_method": "S256", "nonce": "n", "prompt": "login", "response_mode": "query",
		"max_age": "5", "display": "page", "ui_locales": "de", "login_hint": "al", "acr_values": "1", "claims": "{}", "id_token_hint": "x",
		"request": "x", "request_uri": "x", "code_challenge": request("first").Get("code_challenge"),
	} {
		same := with(name, v) + "&" + url.Values{name: {v}}.Encode()
		cases = append(cases,
			refusal{"AZ-06 twice the same " + name, same, "invalid_request", "st-1"},
			refusal{"AZ-06 an empty " + name + " first", name + "=&" + with(name, v), "invalid_request", "st-1"})
	}
	for _, c := range cases {
		t.Run(c.name+" is refused", func(t *testing.T) {
			f := newFixture(t)
			f.clients["m2m-redirects"] = &client.Client{ID: "m2m-redirects", RedirectURIs: []string{callback}, GrantTypes: []string{"client_credentials"}}
			f.goesBack(t, f.opens(c.query), c.code, c.state)
		})
	}
	t.Run("AZ-30 hostile text everywhere never reaches a description", func(t *testing.T) {
		f := newFixture(t)
		for _, name := range []string{"response_type", "scope", "prompt", "response_mode", "max_age", "code_challenge", "code_challenge_method", "request", "resource", "display"} {
			q := request("first", name, "\"\\\r\n\u00e4<svg onload=alert(1)>")
			res := f.opens(q.Encode())
			if answer := res.answer(t); answer.Has("error") {
				f.goesBack(t, res, answer.Get("error"), "st-1")
				require.NotContains(t, answer.Get("error_description"), "svg")
			} else if name != "display" {
				t.Errorf("a hostile %s gave %s", name, res.Header.Get("Location"))
			}
			require.False(t, res.answer(t).Has("error_uri"))
		}
	})
}

// granting shows a test the parameters of the requests that come to a code.
type granting func(form.Values, *grant.Grant)

func (g granting) Extend(b *grantor.Builder) error {
	b.Granting(func(_ context.Context, v form.Values, _ *grantor.Session, at *grant.Grant) error {
		g(v, at)
		return nil
	})
	return nil
}

func TestRequestsThatSucceed(t *testing.T) {
	printable := ""
	for c := ' '; c <= '~'; c++ {
		printable += string(c)
	}
	long := strings.Repeat(printable, 6)[:512]
	with := func(pairs ...string) string { return request("first", pairs...).Encode() }
	for _, c := range []struct {
		name  string
		query string
		state string
		scope string
	}{
		{"AZ-14 an unknown parameter is ignored", with("extra", "foobar"), "st-1", "read write"},
		{"AZ-07 twice too", with() + "&x=1&x=2&x=1", "st-1", "read write"},
		{"AZ-07 a structured one too", with() + "&x[a]=b&x[a]=b", "st-1", "read write"},
		{"AZ-15 empty values are as if left out", with("state", "", "scope", "") + "&scope=&state=&nonce=&prompt=&max_age=&request=&response_mode=", "", "read"},
		{"AZ-16 state of every printable character comes back", with("state", long), long, "read write"},
		{"AZ-18 controls in state come back encoded", with("state", "a\r\nSet-Cookie: x=y\tz"), "a\r\nSet-Cookie: x=y\tz", "read write"},
		{"AZ-18 controls in hints harm nobody", with("nonce", "a\r\nb", "login_hint", "a\r\nb", "ui_locales", "a\tb", "acr_values", "a\r\nb"), "st-1", "read write"},
		{"AZ-21 unknown scopes fall away", with("scope", "admin read root"), "st-1", "read"},
		{"AZ-22 repeated scopes are granted once, in the order sent", with("scope", "write read write read"), "st-1", "write read"},
		{"AZ-47 2 kB of state come back whole", with("state", strings.Repeat("s", 2<<10)), strings.Repeat("s", 2<<10), "read write"},
		{"AZ-47 4 kB of state too", with("state", strings.Repeat("\xc3\xa4", 2<<10)), strings.Repeat("ä", 2<<10), "read write"},
		{"AZ-53 a semicolon is part of the value", with() + "&a=1;redirect_uri=https://evil.example", "st-1", "read write"},
		{"state that looks like an answer stays state", with("state", "x&code=evil&iss=evil#f"), "x&code=evil&iss=evil#f", "read write"},
		{"OI-15 offline_access is granted to a client that refreshes", with("scope", "read offline_access"), "st-1", "read offline_access"},
		{"display, hints and locales are no errors", with("display", "popup", "ui_locales", "fr-CA fr", "login_hint", "bob", "acr_values", "1 2"), "st-1", "read write"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t)
			res := f.opens(c.query)
			require.Equal(t, http.StatusSeeOther, res.StatusCode, "AZ-27: %s", res.body)
			answer := res.answer(t)
			require.Equal(t, issuer, answer.Get("iss"), "AZ-28")
			require.Equal(t, c.state, answer.Get("state"))
			require.Equal(t, c.state != "", answer.Has("state"))
			require.True(t, strings.HasPrefix(res.Header.Get("Location"), callback+"?code="))
			require.Len(t, answer["code"], 1)
			require.False(t, strings.ContainsAny(res.Header.Get("Location"), "\r\n\t#"))
			tokens := f.post("/token", "first", codeForm(answer.Get("code"), request("first")))
			require.Equal(t, http.StatusOK, tokens.StatusCode, "%s", tokens.body)
			require.Equal(t, c.scope, tokens.str(t, "scope"))
		})
	}
	t.Run("AZ-48 nonces of 64 and 384 characters arrive whole", func(t *testing.T) {
		var seen []string
		f := newFixture(t, func(f *fixture) {
			f.config.Extensions = append(f.config.Extensions, granting(func(v form.Values, _ *grant.Grant) { seen = append(seen, v.Value("nonce")) }))
		})
		short, long := strings.Repeat("n", 64), strings.Repeat("n", 384)
		f.browser("alice").code(request("first", "nonce", short))
		f.browser("alice").code(request("first", "nonce", long))
		require.Equal(t, []string{short, long}, seen)
	})
	t.Run("OI-15 offline_access is ignored for a client that does not refresh", func(t *testing.T) {
		f := newFixture(t)
		f.clients["first"].GrantTypes = []string{"authorization_code"}
		res := f.tokens("first", "scope", "read offline_access")
		require.Equal(t, "read", res.str(t, "scope"))
		require.Empty(t, res.str(t, "refresh_token"))
		answer := f.opens(with("scope", "offline_access")).answer(t)
		require.Equal(t, "invalid_scope", answer.Get("error"), "nothing is left")
	})
}

func TestRequestsByPOST(t *testing.T) {
	post := func(f *fixture, query string, form url.Values) *reply {
		r := httptest.NewRequest(http.MethodPost, issuer+"/authorize"+query, strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", "https://client.example") // the page of a client, at another site
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		return f.browser("alice").send(r)
	}
	t.Run("AZ-23 a form works as a query does", func(t *testing.T) {
		f := newFixture(t)
		res := f.browser("alice").open(issuer+"/authorize", request("first"))
		require.Equal(t, http.StatusSeeOther, res.StatusCode)
		tokens := f.post("/token", "first", codeForm(res.answer(t).Get("code"), request("first")))
		require.Equal(t, http.StatusOK, tokens.StatusCode)
	})
	t.Run("AZ-23 and so does asking for consent", func(t *testing.T) {
		f := newFixture(t)
		b := f.browser("alice")
		res := b.open(issuer+"/authorize", request("conf-a"))
		require.Equal(t, http.StatusOK, res.StatusCode)
		require.NotEmpty(t, b.consent(res, "approve").answer(t).Get("code"))
	})
	t.Run("AZ-23 a form from another site becomes a link, with which the browser sends its cookies", func(t *testing.T) {
		f := newFixture(t)
		r := httptest.NewRequest(http.MethodPost, issuer+"/authorize", strings.NewReader(request("first").Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		res := f.do(r) // without cookies
		link := res.Header.Get("Location")
		require.True(t, f.server.Resumes(link), link)
		require.Empty(t, res.Cookies(), "the key of other tabs is not replaced")
		require.Equal(t, http.StatusSeeOther, res.StatusCode)
		answer := f.browser("alice").open(link, nil).answer(t)
		require.NotEmpty(t, answer.Get("code"))
		require.Equal(t, "st-1", answer.Get("state"))
	})
	for _, c := range []struct{ name, query string }{
		{"another redirect URI", "?redirect_uri=" + url.QueryEscape("https://evil.example/cb")},
		{"the same redirect URI", "?redirect_uri=" + url.QueryEscape(callback)},
		{"another client", "?client_id=conf-a"},
		{"the same client", "?client_id=first"},
		{"another scope", "?scope=write"},
		{"the same state", "?state=st-1"},
		{"an empty state", "?state="},
		{"another resource", "?resource=https://other.example"},
		{"a challenge", "?code_challenge=x"},
	} {
		t.Run("AZ-24 "+c.name+" in the query of a form is answered here", func(t *testing.T) {
			f := newFixture(t)
			f.staysHere(t, post(f, c.query, request("first", "resource", "https://api.example")), http.StatusBadRequest)
		})
	}
	t.Run("AZ-24 what is no parameter of the protocol may stand in the query", func(t *testing.T) {
		f := newFixture(t)
		link := post(f, "?tenant=x", request("first")).Header.Get("Location")
		require.NotEmpty(t, f.browser("alice").open(link, nil).answer(t).Get("code"))
	})
	t.Run("AZ-24 a query alone is no form", func(t *testing.T) {
		f := newFixture(t)
		f.staysHere(t, post(f, "?"+request("first").Encode(), nil), http.StatusBadRequest)
	})
	for _, c := range []struct {
		name, contentType, encoding, body string
		status                            int
	}{
		{"JSON", "application/json", "", `{"client_id":"first"}`, http.StatusBadRequest},
		{"multipart", "multipart/form-data; boundary=x", "", "--x--", http.StatusBadRequest},
		{"no content type", "", "", request("first").Encode(), http.StatusBadRequest},
		{"a packed body", "application/x-www-form-urlencoded", "gzip", "\x1f\x8b", http.StatusUnsupportedMediaType},
		{"a body longer than a query may be", "application/x-www-form-urlencoded", "", request("first").Encode() + "&x=" + strings.Repeat("a", 16<<10), http.StatusRequestEntityTooLarge},
	} {
		t.Run(c.name+" is answered here", func(t *testing.T) {
			f := newFixture(t)
			r := httptest.NewRequest(http.MethodPost, issuer+"/authorize", strings.NewReader(c.body))
			if c.contentType != "" {
				r.Header.Set("Content-Type", c.contentType)
			}
			if c.encoding != "" {
				r.Header.Set("Content-Encoding", c.encoding)
			}
			f.staysHere(t, f.browser("alice").send(r), c.status)
		})
	}
}

func TestMethodsOfTheAuthorizationEndpoint(t *testing.T) {
	for _, method := range []string{"PUT", "PATCH", "DELETE", "TRACE", "HEAD", "FOO"} {
		t.Run("AZ-25 "+method+" is 405 and says what is allowed", func(t *testing.T) {
			f := newFixture(t)
			for _, path := range []string{"/authorize", "/authorize/continue"} {
				res := f.browser("alice").send(httptest.NewRequest(method, issuer+path+"?"+request("first").Encode(), nil))
				if res.StatusCode != http.StatusMethodNotAllowed || res.Header.Get("Allow") != "GET, POST" || res.Header.Get("Location") != "" {
					t.Errorf("%s: got %d, Allow %q", path, res.StatusCode, res.Header.Get("Allow"))
				}
			}
			require.Zero(t, f.memory.Len())
		})
	}
	t.Run("AZ-25 a method in another header or parameter changes nothing", func(t *testing.T) {
		f := newFixture(t)
		r := httptest.NewRequest(http.MethodPut, issuer+"/authorize?_method=GET&"+request("first").Encode(), nil)
		r.Header.Set("X-HTTP-Method-Override", "GET")
		require.Equal(t, http.StatusMethodNotAllowed, f.browser("alice").send(r).StatusCode)
	})
	t.Run("without a session callback there is no authorization endpoint", func(t *testing.T) {
		f := newFixture(t, func(f *fixture) { f.config.Session, f.config.Interact = nil, nil })
		require.Equal(t, http.StatusNotFound, f.opens(request("first").Encode()).StatusCode)
	})
}

func TestEveryAnswerNamesTheIssuer(t *testing.T) {
	t.Run("AZ-28 the metadata promise it", func(t *testing.T) {
		doc := newFixture(t).do(httptest.NewRequest(http.MethodGet, issuer+"/.well-known/oauth-authorization-server", nil)).json(t)
		require.Equal(t, issuer, doc["issuer"])
		require.Equal(t, true, doc["authorization_response_iss_parameter_supported"])
	})
	for _, c := range []struct {
		name string
		user string
		q    []string
		deny bool
		want string
	}{
		{"success", "alice", []string{"client_id", "first"}, false, ""},
		{"access_denied", "alice", nil, true, "access_denied"},
		{"login_required", "", []string{"prompt", "none"}, false, "login_required"},
		{"consent_required", "alice", []string{"prompt", "none"}, false, "consent_required"},
		{"invalid_scope", "alice", []string{"scope", "admin"}, false, "invalid_scope"},
		{"invalid_request", "alice", []string{"max_age", "-1"}, false, "invalid_request"},
	} {
		for _, mode := range []string{"", "query", "form_post"} {
			t.Run("AZ-29 "+c.name+" in response mode "+mode, func(t *testing.T) {
				f := newFixture(t)
				b := f.browser(c.user)
				res := b.authorize(request("conf-a", append(c.q, "response_mode", mode)...))
				if c.deny {
					res = b.consent(res, "deny")
				}
				answer := res.answer(t)
				if mode == "form_post" {
					require.Equal(t, http.StatusOK, res.StatusCode)
					require.Empty(t, res.Header.Get("Location"))
					require.Equal(t, callback, field(t, res.body, `action="`))
					answer = hidden(t, res.body)
				} else {
					require.Equal(t, http.StatusSeeOther, res.StatusCode)
				}
				require.Equal(t, []string{issuer}, answer["iss"])
				require.Equal(t, []string{"st-1"}, answer["state"])
				require.Equal(t, c.want, answer.Get("error"))
				require.Equal(t, c.want == "", answer.Has("code"))
			})
		}
	}
	t.Run("AZ-29 an unknown response mode is refused by the default one, also if a known one is sent beside it", func(t *testing.T) {
		f := newFixture(t)
		f.goesBack(t, f.opens(request("first", "response_mode", "form_post").Encode()+"&response_mode=query"), "invalid_request", "st-1")
	})
}

func TestRequestsThatNobodyFinishes(t *testing.T) {
	t.Run("AZ-52 a thousand of them leave nothing in the store, and give no code", func(t *testing.T) {
		var counting *storetest.Counting
		f := newFixture(t, wrap(func(s store.Store) store.Store {
			counting = &storetest.Counting{Store: s}
			return counting
		}))
		for range 1000 {
			res := f.browser("").authorize(request("conf-a"))
			require.Equal(t, http.StatusSeeOther, res.StatusCode)
			require.True(t, strings.HasPrefix(res.Header.Get("Location"), "/login?"), res.Header.Get("Location"))
		}
		require.Zero(t, f.memory.Len())
		require.Zero(t, counting.Calls("put"))
		require.Empty(t, f.kinds())
	})
}
