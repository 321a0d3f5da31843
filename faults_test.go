package grantor_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/grantor-go/grantor"
	"github.com/grantor-go/grantor/oautherr"
	"github.com/grantor-go/grantor/store"
	"github.com/grantor-go/grantor/store/storetest"
)

// An outage fails one call of a store, or all from one on, once it is armed.
type outage struct {
	mu      sync.Mutex
	armed   bool
	at      int // the call to fail, counted from when it was armed; 0: none
	lasting bool
	fault   storetest.Fault
	calls   []string
}

func (o *outage) fail(c storetest.Call) storetest.Fault {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.armed {
		return storetest.None
	}
	o.calls = append(o.calls, c.Op+" "+string(c.Kind))
	if n := len(o.calls); o.at > 0 && (n == o.at || o.lasting && n > o.at) {
		return o.fault
	}
	return storetest.None
}

// during runs step with the store failing as the outage says.
func (o *outage) during(step func()) {
	o.mu.Lock()
	o.armed = true
	o.mu.Unlock()
	step()
	o.mu.Lock()
	o.armed = false
	o.mu.Unlock()
}

// An outcome is how a step of a flow ended.
type outcome struct {
	good    bool   // as without faults
	trouble bool   // the server said that it, not the caller, is in trouble
	refused string // the error code it gave instead
	text    string // everything that was sent
}

// A flow is one thing that a client, a person or an API does. Ready makes the
// state it starts from; step does it, and may be repeated; settle checks the
// state after a good step.
type flow struct {
	name   string
	ready  func(f *fixture) (step func(context.Context) outcome, settle func())
	spends string // the store call after which a repetition is invalid_grant, for good
	format func(*fixture)
}

// of judges a reply: good if ok says so, trouble if it is a 503 of the protocol.
func of(res *reply, ok func(*reply) bool) outcome {
	o := outcome{text: fmt.Sprint(res.Header, res.body)}
	if u, err := url.Parse(res.Header.Get("Location")); err == nil && u.Query().Has("error") {
		o.refused = u.Query().Get("error")
		o.trouble = o.refused == "temporarily_unavailable" && u.Query().Get("iss") == issuer && u.Query().Get("state") == "st-1"
		return o
	}
	if strings.HasPrefix(res.body, `{"error"`) {
		_, o.refused, _ = strings.Cut(res.body, `{"error":"`)
		o.refused, _, _ = strings.Cut(o.refused, `"`)
	}
	o.trouble = res.StatusCode == http.StatusServiceUnavailable && res.Header.Get("Retry-After") == "1" && res.Header.Get("Cache-Control") == "no-store" &&
		(o.refused == "temporarily_unavailable" || strings.Contains(res.body, "temporarily_unavailable"))
	o.good = ok(res)
	return o
}

// judge is of for what returns an error.
func judge(err error) outcome {
	o := outcome{good: err == nil, trouble: err != nil}
	if errors.Is(err, oautherr.InvalidToken) {
		o.trouble, o.refused = false, "invalid_token"
	}
	return o
}

func is200(res *reply) bool { return res.StatusCode == http.StatusOK }

// posting is a step that posts a form.
func (f *fixture) posting(path, id string, form url.Values, ok func(*reply) bool) func(context.Context) outcome {
	return func(ctx context.Context) outcome {
		return of(f.do(f.request(path, id, form).WithContext(ctx)), ok)
	}
}

// opening is a step of a browser that ends with a code in got.
func (b *browser) opening(rawURL string, form url.Values, got *string) func(context.Context) outcome {
	return func(ctx context.Context) outcome {
		r := httptest.NewRequest(http.MethodGet, rawURL, nil)
		if form != nil {
			r = httptest.NewRequest(http.MethodPost, rawURL, strings.NewReader(form.Encode()))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.Header.Set("Origin", issuer)
		}
		return of(b.send(r.WithContext(ctx)), func(res *reply) bool {
			*got = res.answer(b.f.t).Get("code")
			return *got != ""
		})
	}
}

// isDead are settles for a step that ends tokens.
func (f *fixture) dead(tokens ...string) func() {
	return func() {
		f.t.Helper()
		for _, tok := range tokens {
			require.False(f.t, f.alive(tok), "a token outlived its end")
		}
	}
}

func (f *fixture) redeemable(clientID string, code *string) func() {
	return func() {
		f.t.Helper()
		res := f.post("/token", clientID, codeForm(*code, request(clientID)))
		require.Equal(f.t, http.StatusOK, res.StatusCode, "%s", res.body)
	}
}

// flows are all flows of the server that touch the store.
func flows() []flow {
	type step = func(context.Context) outcome
	list := []flow{
		{name: "an authorization request without questions", ready: func(f *fixture) (step, func()) {
			var code string
			return f.browser("alice").opening(issuer+"/authorize?"+request("first").Encode(), nil, &code), f.redeemable("first", &code)
		}},
		{name: "an authorization request after an earlier consent", ready: func(f *fixture) (step, func()) {
			f.tokens("conf-a")
			var code string
			return f.browser("alice").opening(issuer+"/authorize?"+request("conf-a").Encode(), nil, &code), f.redeemable("conf-a", &code)
		}},
		{name: "the consent page", ready: func(f *fixture) (step, func()) {
			b := f.browser("alice")
			return func(ctx context.Context) outcome {
				r := httptest.NewRequest(http.MethodGet, issuer+"/authorize?"+request("conf-a").Encode(), nil)
				return of(b.send(r.WithContext(ctx)), is200)
			}, func() {}
		}},
		{name: "the approval of a request", ready: func(f *fixture) (step, func()) {
			b := f.browser("alice")
			page := b.authorize(request("conf-a"))
			var code string
			return b.opening(field(f.t, page.body, `action="`), url.Values{"csrf": {field(f.t, page.body, `name="csrf" value="`)}, "action": {"approve"}}, &code),
				f.redeemable("conf-a", &code)
		}},
		{name: "the password grant", format: func(f *fixture) { f.config.Password = f.users }, ready: func(f *fixture) (step, func()) {
			return f.posting("/token", "legacy", url.Values{"grant_type": {"password"}, "username": {"alice"}, "password": {"pw-alice"}}, is200), func() {}
		}},
	}
	for name, format := range map[string]func(*fixture){" (opaque)": func(*fixture) {}, " (JWT)": jwts} {
		active := func(res *reply) bool { return strings.HasPrefix(res.body, `{"active":true`) }
		of := []flow{
			{name: "client credentials", ready: func(f *fixture) (step, func()) {
				return f.posting("/token", "m2m", url.Values{"grant_type": {"client_credentials"}}, is200), func() {}
			}},
			{name: "the redemption of a code", spends: "put grant", ready: func(f *fixture) (step, func()) {
				q := request("conf-a")
				return f.posting("/token", "conf-a", codeForm(f.browser("alice").code(q), q), is200), func() {}
			}},
			{name: "a refresh", ready: func(f *fixture) (step, func()) {
				var last *reply
				step := f.posting("/token", "conf-a", refreshForm(f.tokens("conf-a").str(f.t, "refresh_token")), func(res *reply) bool { last = res; return is200(res) })
				return step, func() {
					require.True(f.t, f.alive(last.str(f.t, "access_token")))
					res := f.post("/token", "conf-a", refreshForm(last.str(f.t, "refresh_token")))
					require.Equal(f.t, http.StatusOK, res.StatusCode, "the successor does not work: %s", res.body)
				}
			}},
			{name: "introspection of a user's token", ready: func(f *fixture) (step, func()) {
				return f.posting("/introspect", "rs", url.Values{"token": {f.tokens("conf-a").str(f.t, "access_token")}}, active), func() {}
			}},
			{name: "introspection of a machine's token", ready: func(f *fixture) (step, func()) {
				return f.posting("/introspect", "rs", url.Values{"token": {f.machineToken("m2m")}}, active), func() {}
			}},
			{name: "introspection of a refresh token", ready: func(f *fixture) (step, func()) {
				return f.posting("/introspect", "conf-a", url.Values{"token": {f.tokens("conf-a").str(f.t, "refresh_token")}}, active), func() {}
			}},
			{name: "Verify of a user's token", ready: func(f *fixture) (step, func()) {
				tok := f.tokens("conf-a").str(f.t, "access_token")
				return func(ctx context.Context) outcome { _, err := f.server.Verify(ctx, tok); return judge(err) }, func() {}
			}},
			{name: "Verify of a machine's token", ready: func(f *fixture) (step, func()) {
				tok := f.machineToken("m2m")
				return func(ctx context.Context) outcome { _, err := f.server.Verify(ctx, tok); return judge(err) }, func() {}
			}},
			{name: "revocation of a refresh token", ready: func(f *fixture) (step, func()) {
				res := f.tokens("conf-a")
				return f.posting("/revoke", "conf-a", url.Values{"token": {res.str(f.t, "refresh_token")}}, is200), f.dead(res.str(f.t, "access_token"))
			}},
			{name: "revocation of a user's access token", ready: func(f *fixture) (step, func()) {
				tok := f.tokens("conf-a").str(f.t, "access_token")
				return f.posting("/revoke", "conf-a", url.Values{"token": {tok}}, is200), f.dead(tok)
			}},
			{name: "revocation of a machine's access token", ready: func(f *fixture) (step, func()) {
				tok := f.machineToken("m2m")
				return f.posting("/revoke", "m2m", url.Values{"token": {tok}}, is200), f.dead(tok)
			}},
			{name: "a code that is replayed", ready: func(f *fixture) (step, func()) {
				q := request("conf-a")
				form := codeForm(f.browser("alice").code(q), q)
				tok := f.post("/token", "conf-a", form).str(f.t, "access_token")
				return f.posting("/token", "conf-a", form, func(res *reply) bool { return res.str(f.t, "error") == "invalid_grant" }), f.dead(tok)
			}},
			{name: "a refresh token that is reused", ready: func(f *fixture) (step, func()) {
				first := f.tokens("conf-a")
				second := f.post("/token", "conf-a", refreshForm(first.str(f.t, "refresh_token")))
				f.advance(time.Minute)
				return f.posting("/token", "conf-a", refreshForm(first.str(f.t, "refresh_token")), func(res *reply) bool { return res.str(f.t, "error") == "invalid_grant" }),
					f.dead(second.str(f.t, "access_token"))
			}},
		}
		for _, who := range []store.Query{{Subject: "alice"}, {Client: "conf-a"}} {
			of = append(of, flow{name: fmt.Sprintf("Revoke of %s%s", who.Subject, who.Client), ready: func(f *fixture) (step, func()) {
				user, machine := f.tokens("conf-a").str(f.t, "access_token"), f.machineToken("conf-a")
				settle := f.dead(user)
				if who.Client != "" {
					settle = f.dead(user, machine)
				}
				return func(ctx context.Context) outcome { return judge(f.server.Revoke(ctx, who)) }, settle
			}})
		}
		for _, fl := range of {
			fl.name, fl.format = fl.name+name, format
			list = append(list, fl)
		}
	}
	return append(list, flow{name: "Sweep", ready: func(f *fixture) (step, func()) {
		f.machineToken("m2m")
		f.advance(time.Hour)
		return func(ctx context.Context) outcome { return judge(f.server.Sweep(ctx)) },
			func() { require.Zero(f.t, f.memory.Len()) }
	}})
}

// internals are words of the inside that must not get out.
var internals = []string{"storetest", "injected", "context", "deadline", "conflict", "grantor:", "memory", ".go", "panic"}

// A round is one flow with one fault.
type round struct {
	f      *fixture
	outage *outage
	step   func(context.Context) outcome
	settle func()
}

func newRound(t *testing.T, fl flow) *round {
	t.Helper()
	r := &round{outage: &outage{}}
	edit := []func(*fixture){wrap(func(s store.Store) store.Store { return &storetest.Faulty{Store: s, Fail: r.outage.fail} })}
	if fl.format != nil {
		edit = append(edit, fl.format)
	}
	r.f = newFixture(t, edit...)
	r.step, r.settle = fl.ready(r.f)
	return r
}

// TestFaults fails every store call of every flow in every way.
func TestFaults(t *testing.T) {
	const lasting = "fails, and all after it"
	for _, fl := range flows() {
		dry := newRound(t, fl)
		dry.outage.during(func() { require.True(t, dry.step(t.Context()).good, "%s fails without faults", fl.name) })
		dry.settle()
		for k, call := range dry.outage.calls {
			for name, fault := range map[string]storetest.Fault{
				"fails":                     storetest.Before,
				"fails after it took place": storetest.After,
				"hangs":                     storetest.Hang,
				"conflicts":                 storetest.Conflict,
				lasting:                     storetest.Before,
			} {
				t.Run(fmt.Sprintf("ST-01, ST-02 %s: call %d, %s, %s", fl.name, k+1, call, name), func(t *testing.T) {
					r := newRound(t, fl)
					r.outage.at, r.outage.fault, r.outage.lasting = k+1, fault, name == lasting
					r.check(t, fl, call)
				})
			}
		}
	}
}

func (r *round) check(t *testing.T, fl flow, call string) {
	t.Helper()
	ctx := t.Context()
	if r.outage.fault == storetest.Hang {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, 10*time.Millisecond)
		defer cancel()
	}
	before := len(r.f.kinds())
	var got outcome
	r.outage.during(func() { got = r.step(ctx) })

	survivable := r.outage.fault == storetest.Conflict && strings.HasPrefix(call, "put")
	switch {
	case got.trouble:
		r.reported(t, before)
	case !got.good || !survivable:
		t.Errorf("got %+v, want trouble of the server's own", got)
	}
	for _, word := range internals {
		if strings.Contains(strings.ToLower(got.text), word) {
			t.Errorf("%q got out: %s", word, got.text)
		}
	}
	if got.good {
		r.settle()
		return
	}
	again := r.step(t.Context())
	switch lost := r.outage.fault == storetest.After && call == fl.spends; {
	case lost && again.refused == "invalid_grant":
		// The answer is lost, and a code works once: the client starts over, and
		// what was issued unseen is gone with the grant (RFC 6749 §4.1.2).
		require.Zero(t, r.f.memory.Len()-1, "something besides the consent is left")
	case lost || !again.good:
		t.Errorf("again: got %+v", again)
	default:
		r.settle()
	}
}

// reported checks that the operator was told why, and that nothing is claimed
// to have happened.
func (r *round) reported(t *testing.T, before int) {
	t.Helper()
	for _, e := range r.f.events[before:] {
		switch e.Kind {
		case grantor.CodeIssued, grantor.TokenIssued, grantor.TokenRefreshed, grantor.TokenRevoked, grantor.TokensRevoked, grantor.ConsentGiven:
			t.Errorf("event %s although the request failed", e.Kind)
		case grantor.Trouble:
			causes := []error{storetest.ErrInjected, context.DeadlineExceeded, store.ErrConflict, store.ErrNotFound}
			if !slices.ContainsFunc(causes, func(cause error) bool { return errors.Is(e.Err, cause) }) {
				t.Errorf("the cause is missing in the event: %v", e.Err)
			}
		}
	}
}

func TestTroubleOfTheHost(t *testing.T) {
	down := errors.New("dial tcp 10.0.0.7:5432: connection refused")
	check := func(t *testing.T, f *fixture, res *reply) {
		t.Helper()
		if o := of(res, is200); !o.trouble || strings.Contains(o.text, "10.0.0.7") {
			t.Errorf("got %d %v %s", res.StatusCode, res.Header, res.body)
		}
		if !slices.Contains(f.kinds(), grantor.Trouble) || !strings.Contains(f.logs(), "connection refused") {
			t.Errorf("nobody was told why: %v %s", f.kinds(), f.logs())
		}
	}
	t.Run("ST-02 while the table of clients is down, nobody is told that they failed to authenticate", func(t *testing.T) {
		for path, form := range map[string]url.Values{"/token": {"grant_type": {"client_credentials"}}, "/introspect": {"token": {"x"}}, "/revoke": {"token": {"x"}}} {
			for _, id := range []string{"conf-a", "pub"} {
				f := newFixture(t, func(f *fixture) { f.config.Clients = brokenClients{down} })
				check(t, f, f.post(path, id, form))
			}
		}
		f := newFixture(t, func(f *fixture) { f.config.Clients = brokenClients{down} })
		check(t, f, f.browser("alice").authorize(request("conf-a")))
	})
	t.Run("ST-02 while the session store is down, the client is told to try again", func(t *testing.T) {
		f := newFixture(t, func(f *fixture) {
			f.config.Session = func(*http.Request) (*grantor.Session, error) { return nil, down }
		})
		check(t, f, f.browser("alice").authorize(request("conf-a")))
	})
	t.Run("ST-02 while the directory of users is down, nothing is issued and nothing is called dead", func(t *testing.T) {
		users := &brokenUsers{}
		f := newFixture(t, func(f *fixture) { f.config.Subjects = users })
		res := f.tokens("conf-a")
		q := request("conf-a")
		code := f.browser("alice").code(q)
		users.err = down
		check(t, f, f.post("/token", "conf-a", codeForm(code, q)))
		check(t, f, f.post("/token", "conf-a", refreshForm(res.str(t, "refresh_token"))))
		check(t, f, f.introspect("rs", res.str(t, "access_token")))
		if _, err := f.server.Verify(t.Context(), res.str(t, "access_token")); err == nil || errors.Is(err, oautherr.InvalidToken) {
			t.Errorf("Verify: got %v", err)
		}
		users.err = nil
		require.True(t, f.alive(res.str(t, "access_token")))
		require.Equal(t, http.StatusOK, f.post("/token", "conf-a", codeForm(code, q)).StatusCode)
		require.Equal(t, http.StatusOK, f.post("/token", "conf-a", refreshForm(res.str(t, "refresh_token"))).StatusCode)
	})
	t.Run("RG-13 a signer or a hook that fails spends neither code nor refresh token", func(t *testing.T) {
		hook := &brokenHook{}
		f := newFixture(t, func(f *fixture) { f.config.Claims = hook.claims })
		refresh := f.tokens("conf-a").str(t, "refresh_token")
		q := request("conf-a")
		code := f.browser("alice").code(q)
		hook.err = down
		check(t, f, f.post("/token", "conf-a", codeForm(code, q)))
		check(t, f, f.post("/token", "conf-a", refreshForm(refresh)))
		check(t, f, f.post("/token", "m2m", url.Values{"grant_type": {"client_credentials"}}))
		hook.err = nil
		require.Equal(t, http.StatusOK, f.post("/token", "conf-a", codeForm(code, q)).StatusCode)
		require.Equal(t, http.StatusOK, f.post("/token", "conf-a", refreshForm(refresh)).StatusCode)
	})
	t.Run("ST-02 keys that cannot be had are trouble wherever they are needed", func(t *testing.T) {
		f := newFixture(t, jwts, func(f *fixture) { f.config.Keys = brokenKeys{down} })
		check(t, f, f.post("/token", "m2m", url.Values{"grant_type": {"client_credentials"}}))
		check(t, f, f.introspect("rs", "a.b.c"))
		check(t, f, f.revoke("m2m", "a.b.c"))
		check(t, f, f.get(issuer+"/jwks"))
	})
}
