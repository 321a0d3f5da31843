package grantor_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/grantor-go/grantor"
	"github.com/grantor-go/grantor/store"
	"github.com/grantor-go/grantor/store/storetest"
)

// The consent form: who may submit it, and what submitting it twice does.

// A consentForm is the form of a consent page, as a browser would submit it.
type consentForm struct {
	action string
	values url.Values
	header http.Header
}

func formOf(t *testing.T, page *reply) consentForm {
	t.Helper()
	require.Equal(t, http.StatusOK, page.StatusCode, "%s", page.body)
	return consentForm{
		action: field(t, page.body, `action="`),
		values: url.Values{"csrf": {field(t, page.body, `name="csrf" value="`)}, "action": {"approve"}},
		header: http.Header{"Origin": {issuer}, "Sec-Fetch-Site": {"same-origin"}},
	}
}

// submit sends the form from the browser.
func (b *browser) submit(c consentForm) *reply {
	b.f.t.Helper()
	return b.send(c.request())
}

func (c consentForm) request() *http.Request {
	r := httptest.NewRequest(http.MethodPost, c.action, strings.NewReader(c.values.Encode()))
	r.Header = c.header.Clone()
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

// race sends n requests from the browser at once, and returns where each is
// redirected to.
func (b *browser) race(n int, request func() *http.Request) []string {
	locations := make([]string, n)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		r := request()
		for name, value := range b.cookies {
			r.AddCookie(&http.Cookie{Name: name, Value: value})
		}
		wg.Go(func() {
			<-start
			w := httptest.NewRecorder()
			b.f.server.ServeHTTP(w, r)
			locations[i] = w.Header().Get("Location")
		})
	}
	close(start)
	wg.Wait()
	return locations
}

// grants are the records of grants in the store.
func (f *fixture) grants() []store.Record {
	f.t.Helper()
	records, err := f.memory.Find(f.t.Context(), store.Query{Kind: "grant"})
	require.NoError(f.t, err)
	return records
}

func (f *fixture) count(kind grantor.EventKind) (n int) {
	for _, k := range f.kinds() {
		if k == kind {
			n++
		}
	}
	return n
}

func TestConsent(t *testing.T) {
	t.Run("AZ-51 saying no tells the client, with state and iss", func(t *testing.T) {
		f := newFixture(t)
		b := f.browser("alice")
		f.goesBack(t, b.consent(b.authorize(request("conf-a")), "deny"), "access_denied", "st-1")
		require.Equal(t, []grantor.EventKind{grantor.ConsentDenied, grantor.AuthorizeRefused}, f.kinds())
		require.Equal(t, "alice", f.events[0].Subject)
	})
	t.Run("saying yes is an event, and says to what", func(t *testing.T) {
		f := newFixture(t)
		f.browser("alice").code(request("conf-a"))
		require.Equal(t, 1, f.count(grantor.ConsentGiven))
		require.Equal(t, 1, f.count(grantor.CodeIssued))
		for _, e := range f.events {
			require.Equal(t, []string{"alice", "conf-a"}, []string{e.Subject, e.ClientID})
			require.Equal(t, []string{"read", "write"}, e.Scopes)
		}
	})
	for name, edit := range map[string]func(*consentForm){
		"no action":            func(c *consentForm) { c.values.Del("action") },
		"an empty action":      func(c *consentForm) { c.values.Set("action", "") },
		"another action":       func(c *consentForm) { c.values.Set("action", "APPROVE") },
		"both actions":         func(c *consentForm) { c.values.Add("action", "deny") },
		"the same action, too": func(c *consentForm) { c.values.Add("action", "approve") },
	} {
		t.Run("a form with "+name+" decides nothing", func(t *testing.T) {
			f := newFixture(t)
			b := f.browser("alice")
			form := formOf(t, b.authorize(request("conf-a")))
			edit(&form)
			f.staysHere(t, b.submit(form), http.StatusBadRequest)
		})
	}
	for name, edit := range map[string]func(*consentForm, *fixture){
		"without a token":     func(c *consentForm, _ *fixture) { c.values.Del("csrf") },
		"with an empty token": func(c *consentForm, _ *fixture) { c.values.Set("csrf", "") },
		"with half a token": func(c *consentForm, _ *fixture) {
			c.values.Set("csrf", "."+strings.SplitN(c.values.Get("csrf"), ".", 2)[1])
		},
		"with a token of another request":   func(c *consentForm, f *fixture) { c.values.Set("csrf", anotherForm(f, "alice").values.Get("csrf")) },
		"with another session's token":      func(c *consentForm, f *fixture) { c.values.Set("csrf", anotherForm(f, "bob").values.Get("csrf")) },
		"with another browser's whole form": func(c *consentForm, f *fixture) { *c = anotherForm(f, "alice") },
		"from another site":                 func(c *consentForm, _ *fixture) { c.header = http.Header{"Origin": {"https://evil.example"}} },
		"from a browser that says so": func(c *consentForm, _ *fixture) {
			c.header = http.Header{"Origin": {"https://evil.example"}, "Sec-Fetch-Site": {"cross-site"}}
		},
		"from a neighbouring host": func(c *consentForm, _ *fixture) { c.header = http.Header{"Sec-Fetch-Site": {"same-site"}} },
		"from a sandbox at another site": func(c *consentForm, _ *fixture) {
			c.header = http.Header{"Origin": {"null"}, "Sec-Fetch-Site": {"cross-site"}}
		},
		"from a host that looks like this one":       func(c *consentForm, _ *fixture) { c.header = http.Header{"Origin": {issuer + ".evil.example"}} },
		"without the state of the request":           func(c *consentForm, _ *fixture) { c.action, _, _ = strings.Cut(c.action, "&interaction=") },
		"for a request with another address":         func(c *consentForm, _ *fixture) { c.edit("request", "redirect_uri", callback+"2") },
		"for a request of another client":            func(c *consentForm, _ *fixture) { c.edit("request", "client_id", "conf-b") },
		"for a request with more scope":              func(c *consentForm, _ *fixture) { c.edit("request", "scope", "read write openid") },
		"for another pending request":                func(c *consentForm, f *fixture) { c.action = anotherForm(f, "alice").action },
		"with what is not a form":                    func(c *consentForm, _ *fixture) { c.values = url.Values{"x": {"\x00"}} },
		"with the state of the request, made longer": func(c *consentForm, _ *fixture) { c.action += ".x" },
	} {
		t.Run("AZ-43 BR-10 a form "+name+" is refused", func(t *testing.T) {
			f := newFixture(t)
			b := f.browser("alice")
			form := formOf(t, b.authorize(request("conf-a")))
			edit(&form, f)
			status := http.StatusForbidden
			if form.values.Has("x") {
				status = http.StatusBadRequest
			}
			f.staysHere(t, b.submit(form), status)
			require.Zero(t, f.count(grantor.ConsentGiven))
		})
	}
	for name, header := range map[string]http.Header{
		"that sends no origin at all":                              {},
		"that says null, since the page allows no referrer":        {"Origin": {"null"}},
		"that says null, and that it comes from here":              {"Origin": {"null"}, "Sec-Fetch-Site": {"same-origin"}},
		"that says where from and not how":                         {"Origin": {issuer}},
		"whose person typed the address, as far as it knows":       {"Sec-Fetch-Site": {"none"}},
		"that sends what a browser of today sends with such forms": {"Origin": {"null"}, "Sec-Fetch-Site": {"same-origin"}, "Sec-Fetch-Mode": {"navigate"}},
	} {
		t.Run("AZ-43 a form of this page from a browser "+name+" is accepted", func(t *testing.T) {
			f := newFixture(t)
			b := f.browser("alice")
			form := formOf(t, b.authorize(request("conf-a")))
			form.header = header
			require.Equal(t, "", needs(t, b.submit(form)))
		})
	}
	t.Run("AZ-43 a browser that lost its cookie consents to nothing", func(t *testing.T) {
		f := newFixture(t)
		form := formOf(t, f.browser("alice").authorize(request("conf-a")))
		f.staysHere(t, f.browser("alice").submit(form), http.StatusForbidden)
	})
}

// anotherForm is the form of another pending request, in a browser of its own.
func anotherForm(f *fixture, user string) consentForm {
	return formOf(f.t, f.browser(user).authorize(request("conf-a", "state", "st-2")))
}

// edit changes a parameter of the request within the form's action.
func (c *consentForm) edit(within, name, value string) {
	u, err := url.Parse(c.action)
	if err != nil {
		panic(err)
	}
	outer := u.Query()
	inner, err := url.ParseQuery(outer.Get(within))
	if err != nil {
		panic(err)
	}
	inner.Set(name, value)
	outer.Set(within, inner.Encode())
	u.RawQuery = outer.Encode()
	c.action = u.String()
}

func TestConsentOfSomebodyElse(t *testing.T) {
	t.Run("AZ-42 somebody else who signed in meanwhile is asked, and nothing is granted before", func(t *testing.T) {
		for _, action := range []string{"approve", "deny"} {
			f := newFixture(t)
			b := f.browser("alice")
			form := formOf(t, b.authorize(request("conf-a")))
			form.values.Set("action", action)
			b.signIn("bob")
			page := b.submit(form)
			require.Equal(t, "consent", needs(t, page))
			require.Contains(t, page.body, "bob")
			require.NotContains(t, page.body, "alice")
			require.Zero(t, f.memory.Len())
			require.Equal(t, "", needs(t, b.consent(page, "approve")))
			require.Equal(t, "bob", f.grants()[0].Subject)
		}
	})
	t.Run("AZ-42 somebody who signed out meanwhile must sign in", func(t *testing.T) {
		f := newFixture(t)
		b := f.browser("alice")
		form := formOf(t, b.authorize(request("conf-a")))
		delete(b.cookies, "user")
		require.Equal(t, "login", needs(t, b.submit(form)))
		require.Zero(t, f.memory.Len())
	})
	t.Run("AZ-42 AZ-55 what was answered for alice is not given to bob, whichever way he comes", func(t *testing.T) {
		for _, clientID := range []string{"conf-a", "first"} {
			f := newFixture(t)
			b := f.browser("")
			back := wayBack(t, b.authorize(request(clientID)))
			b.signIn("alice")
			res := b.open(back, nil)
			if res.StatusCode == http.StatusOK {
				res = b.consent(res, "approve")
			}
			theirs := res.answer(t).Get("code")
			require.NotEmpty(t, theirs)
			b.signIn("bob")
			res = b.open(back, nil)
			if clientID == "conf-a" {
				require.Equal(t, "consent", needs(t, res))
				res = b.consent(res, "approve")
				require.Equal(t, "consent", needs(t, res), "the request was answered; this is a new one")
				res = b.consent(res, "approve")
			}
			his := res.answer(t).Get("code")
			require.NotEmpty(t, his)
			require.NotEqual(t, theirs, his)
			for _, c := range []struct{ code, subject string }{{theirs, "alice"}, {his, "bob"}} {
				tokens := f.post("/token", clientID, codeForm(c.code, request(clientID)))
				claims, err := f.server.Verify(t.Context(), tokens.str(t, "access_token"))
				require.NoError(t, err)
				require.Equal(t, c.subject, claims.Subject)
			}
		}
	})
	t.Run("BR-11 AZ-43 another browser's way back is a request like any other", func(t *testing.T) {
		f := newFixture(t)
		attacker, victim := f.browser("bob"), f.browser("alice")
		form := formOf(t, attacker.authorize(request("conf-a")))
		page := victim.open(form.action, nil)
		require.Equal(t, "consent", needs(t, page), "the victim is asked herself")
		f.staysHere(t, victim.submit(form), http.StatusForbidden)
		back := wayBack(t, f.browser("").authorize(request("first", "prompt", "login")))
		require.Equal(t, "login", needs(t, victim.open(back, nil)), "and must sign in herself")
	})
	t.Run("a page that has been open for longer than an interaction lives decides nothing", func(t *testing.T) {
		f := newFixture(t)
		b := f.browser("alice")
		page := b.authorize(request("conf-a"))
		f.advance(10*time.Minute - time.Millisecond)
		require.Equal(t, "", needs(t, b.consent(page, "approve")))
		page = b.authorize(request("conf-b"))
		f.advance(10 * time.Minute)
		res := b.consent(page, "approve")
		require.Equal(t, http.StatusForbidden, res.StatusCode)
		require.Empty(t, res.Header.Get("Location"))
		require.Equal(t, "consent", needs(t, b.open(field(t, page.body, `action="`), nil)), "the way back asks anew")
	})
	for name, edit := range map[string]func(f *fixture){
		"to more than it said":    func(f *fixture) { f.clients["conf-a"].Scopes = []string{"read", "write", "admin"} },
		"to less than it said":    func(f *fixture) { f.clients["conf-a"].Scopes = []string{"read"} },
		"to other defaults":       func(f *fixture) { f.clients["conf-a"].DefaultScopes = []string{"read", "write"} },
		"to defaults that shrank": func(f *fixture) { f.clients["conf-a"].DefaultScopes = []string{"openid"} },
	} {
		t.Run("AZ-42 nobody agrees "+name+", when the registration changed meanwhile", func(t *testing.T) {
			f := newFixture(t)
			b := f.browser("alice")
			q := request("conf-a", "scope", "read write admin")
			if strings.Contains(name, "defaults") {
				q = request("conf-a", "scope", "")
			}
			form := formOf(t, b.authorize(q))
			edit(f)
			page := b.submit(form)
			require.Equal(t, "consent", needs(t, page), "it is asked about as it is now")
			require.Zero(t, f.memory.Len())
			require.Equal(t, "", needs(t, b.consent(page, "approve")))
		})
	}
	t.Run("AZ-49 a client disabled meanwhile gets nothing", func(t *testing.T) {
		f := newFixture(t)
		b := f.browser("alice")
		page := b.authorize(request("conf-a"))
		f.clients["conf-a"].Disabled = true
		f.staysHere(t, b.consent(page, "approve"), http.StatusBadRequest)
	})
}

func TestAnsweringARequestTwice(t *testing.T) {
	t.Run("CD-19 A17 a form submitted twice gets the same code twice, and one grant", func(t *testing.T) {
		f := newFixture(t)
		b := f.browser("alice")
		q := request("conf-a")
		form := formOf(t, b.authorize(q))
		first, second := b.submit(form), b.submit(form)
		require.Equal(t, first.Header.Get("Location"), second.Header.Get("Location"))
		require.Len(t, f.grants(), 1)
		require.Equal(t, []int{1, 1}, []int{f.count(grantor.CodeIssued), f.count(grantor.ConsentGiven)})
		code := codeForm(first.answer(t).Get("code"), q)
		require.Equal(t, http.StatusOK, f.post("/token", "conf-a", code).StatusCode)
		require.Equal(t, first.Header.Get("Location"), b.submit(form).Header.Get("Location"), "even after the code was redeemed")
		require.Len(t, f.grants(), 1)
	})
	t.Run("CD-19 the code is still good for one redemption", func(t *testing.T) {
		f := newFixture(t)
		b := f.browser("alice")
		q := request("conf-a")
		form := formOf(t, b.authorize(q))
		code := codeForm(b.submit(form).answer(t).Get("code"), q)
		b.submit(form)
		tokens := f.post("/token", "conf-a", code)
		require.Equal(t, http.StatusOK, tokens.StatusCode)
		f.refused(f.post("/token", "conf-a", code), http.StatusBadRequest, "invalid_grant")
	})
	t.Run("CD-19 fifty submissions at once get one code, over a slow store", func(t *testing.T) {
		f := newFixture(t, wrap(func(s store.Store) store.Store { return storetest.Slow(s, 5*time.Millisecond) }))
		b := f.browser("alice")
		q := request("conf-a")
		form := formOf(t, b.authorize(q))
		locations := b.race(50, form.request)
		for _, l := range locations {
			require.Equal(t, locations[0], l)
		}
		require.Len(t, f.grants(), 1, "codes that nobody was given are gone")
		consents, err := f.memory.Find(t.Context(), store.Query{Kind: "consent"})
		require.NoError(t, err)
		require.Len(t, consents, 1)
		require.Equal(t, []int{1, 1}, []int{f.count(grantor.CodeIssued), f.count(grantor.ConsentGiven)})
		u, err := url.Parse(locations[0])
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, f.post("/token", "conf-a", codeForm(u.Query().Get("code"), q)).StatusCode)
	})
	t.Run("AZ-55 a way back followed fifty times at once gives one code, over a slow store", func(t *testing.T) {
		f := newFixture(t, wrap(func(s store.Store) store.Store { return storetest.Slow(s, 5*time.Millisecond) }))
		b := f.browser("")
		back := wayBack(t, b.authorize(request("first")))
		b.signIn("alice")
		locations := b.race(50, func() *http.Request { return httptest.NewRequest(http.MethodGet, back, nil) })
		for _, l := range locations {
			require.Equal(t, locations[0], l)
		}
		require.Contains(t, locations[0], "code=")
		require.Len(t, f.grants(), 1)
		require.Equal(t, 1, f.count(grantor.CodeIssued))
	})
	t.Run("AZ-55 one request gives one code, also when the way back is followed again", func(t *testing.T) {
		for _, clientID := range []string{"first", "conf-a"} {
			f := newFixture(t)
			b := f.browser("")
			back := wayBack(t, b.authorize(request(clientID)))
			b.signIn("alice")
			res := b.open(back, nil)
			if clientID == "conf-a" {
				res = b.consent(res, "approve")
			}
			require.Equal(t, "", needs(t, res))
			for range 3 {
				require.Equal(t, res.Header.Get("Location"), b.open(back, nil).Header.Get("Location"))
			}
			require.Len(t, f.grants(), 1)
			require.Equal(t, 1, f.count(grantor.CodeIssued))
		}
	})
	t.Run("AZ-55 two tabs are two requests, each with its code, in whichever order", func(t *testing.T) {
		f := newFixture(t)
		b := f.browser("alice")
		q := request("conf-a")
		first, second := formOf(t, b.authorize(q)), formOf(t, b.authorize(q))
		later, earlier := b.submit(second).answer(t).Get("code"), b.submit(first).answer(t).Get("code")
		require.NotEqual(t, earlier, later)
		for _, code := range []string{earlier, later} {
			tokens := f.post("/token", "conf-a", codeForm(code, q))
			require.Equal(t, http.StatusOK, tokens.StatusCode, "%s", tokens.body)
		}
	})
	t.Run("AZ-55 one form does not fit the action of the other tab", func(t *testing.T) {
		f := newFixture(t)
		b := f.browser("alice")
		first, second := formOf(t, b.authorize(request("conf-a"))), formOf(t, b.authorize(request("conf-a")))
		first.action = second.action
		f.staysHere(t, b.submit(first), http.StatusForbidden)
	})
	t.Run("a copy of the store does not give the code away", func(t *testing.T) {
		f := newFixture(t)
		b := f.browser("alice")
		code := b.code(request("conf-a"))
		records, err := f.memory.Find(t.Context(), store.Query{Kind: "interaction"})
		require.NoError(t, err)
		require.Len(t, records, 1)
		for _, part := range []string{code, code[len(code)-49:]} {
			require.NotContains(t, string(records[0].Data), part)
		}
	})
	t.Run("what a request was answered with is forgotten with the request", func(t *testing.T) {
		f := newFixture(t)
		f.browser("alice").code(request("conf-a"))
		f.advance(11*time.Minute + time.Second)
		require.NoError(t, f.server.Sweep(t.Context()))
		records, err := f.memory.Find(t.Context(), store.Query{Kind: "interaction"})
		require.NoError(t, err)
		require.Empty(t, records)
		require.Equal(t, 1, f.memory.Len(), "the remembered consent")
	})
	t.Run("yes and then no is a yes and a no, and one code at most", func(t *testing.T) {
		f := newFixture(t)
		b := f.browser("alice")
		form := formOf(t, b.authorize(request("conf-a")))
		require.Equal(t, "", needs(t, b.submit(form)))
		form.values.Set("action", "deny")
		require.Equal(t, "access_denied", needs(t, b.submit(form)))
		require.Len(t, f.grants(), 1)
	})
}
