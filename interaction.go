package grantor

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/grantor-go/grantor/client"
	"github.com/grantor-go/grantor/form"
	"github.com/grantor-go/grantor/oautherr"
)

// An Interaction is an authorization request that waits for a person. The host
// gets it in Config.Interact and answers the browser.
//
// For [NeedLogin], send the person to sign in, and the browser to URL when that
// is done: the request goes on with whoever Config.Session says is there. It
// never asks who that is in a form, so it cannot be told wrong. For
// [NeedConsent], show what the client asks for and a form that POSTs to URL with
// the field "csrf" set to CSRF and "action" set to "approve" or "deny".
// [Pages] does both.
//
// URL and CSRF work in this browser only, for Lifetimes.Interaction.
type Interaction struct {
	Need      Need
	Client    *client.Client
	Scopes    []string // asked for, within the client's registration
	Resources []string
	Session   *Session // nil if nobody is signed in

	// RedirectHost is where the answer goes: the host of the redirect URI, or
	// its scheme if it has none. Show it; a client's name proves nothing.
	RedirectHost string

	// Hints of the client, unverified (OpenID Connect Core §3.1.2.1).
	LoginHint string
	ACRValues []string
	UILocales []string
	Display   string

	// URL takes the browser back to the request.
	URL string
	// CSRF is the token of the consent form; empty unless Need is NeedConsent.
	CSRF string

	server  *Server
	request *authorization
	pending *pending
}

// pending is what is known of an authorization request that waits. It travels in
// the URL, authenticated with the browser's key, so that a request that nobody
// completes costs the store nothing.
type pending struct {
	id      string
	created time.Time
	done    []Need // what was asked for once already
	key     *browserKey
}

// asked reports whether the person was asked for this before.
func (p *pending) asked(n Need) bool { return p != nil && slices.Contains(p.done, n) }

// since is when the request came, in the precision of the time it is compared
// with: hosts often keep whole seconds.
func (p *pending) since(t time.Time) time.Time {
	if t.Nanosecond() == 0 {
		return p.created.Truncate(time.Second)
	}
	return p.created
}

// shown authenticates a consent page: which request it belongs to, whom it was
// shown to, and all that it said they would agree to.
func (p *pending) shown(a *authorization, session *Session) []string {
	return []string{
		p.id, session.Subject, session.ID,
		strings.Join(a.scopes, " "), strings.Join(a.resources, " "), a.form.Encode(),
	}
}

// text is the pending state for the URL, without its tag.
func (p *pending) text() string {
	needs := make([]string, len(p.done))
	for i, n := range p.done {
		needs[i] = string(n)
	}
	return p.id + "." + strconv.FormatInt(p.created.UnixMilli(), 10) + "." + strings.Join(needs, "-")
}

const labelPending, labelForm, labelSubject, labelSeal = "pending", "form", "subject", "code"

// skew is how far the clocks of two replicas may be apart.
const skew = 10 * time.Second

// readPending returns the pending state that the browser's key vouches for and
// that is not too old.
func (s *Server) readPending(k *browserKey, text, request string) (*pending, bool) {
	parts := strings.Split(text, ".")
	if len(parts) != 4 || k == nil {
		return nil, false
	}
	state := strings.Join(parts[:3], ".")
	if !k.verifies(parts[3], labelPending, state, request) {
		return nil, false
	}
	ms, err := strconv.ParseInt(parts[1], 10, 64)
	if err != nil {
		return nil, false
	}
	p := &pending{id: parts[0], created: time.UnixMilli(ms), key: k}
	for need := range strings.SplitSeq(parts[2], "-") {
		if need != "" {
			p.done = append(p.done, Need(need))
		}
	}
	age := s.now().Sub(p.created)
	return p, age > -skew && age < s.lifetimes.Interaction
}

// ask hands the browser to the host, with what takes it back to the request.
func (s *Server) ask(w http.ResponseWriter, r *http.Request, a *authorization, session *Session, need Need, p *pending) {
	next := &pending{id: s.ledger.Format.NewLocator(), created: s.now()}
	if p != nil {
		*next = *p
	}
	if need == NeedAccount {
		next.done = append(slices.Clone(next.done), need)
	}
	next.key = s.cookie.ensure(w, r) // the same one, if p has any
	in := &Interaction{
		Need: need, Client: a.client, Scopes: a.scopes, Resources: a.resources, Session: session,
		RedirectHost: a.redirectHost(),
		LoginHint:    a.form.Value("login_hint"), Display: a.form.Value("display"),
		ACRValues: strings.Fields(a.form.Value("acr_values")),
		UILocales: strings.Fields(a.form.Value("ui_locales")),
		server:    s, request: a, pending: next,
	}
	request := a.form.Encode()
	state := next.text()
	in.URL = s.issuer + continuePath + "?" + form.New(
		"request", request, "interaction", state+"."+next.key.tag(labelPending, state, request),
	).Encode()
	if need == NeedConsent {
		in.CSRF = next.key.tag(labelForm, next.id) + "." + next.key.tag(labelSubject, next.shown(a, session)...)
	}
	s.interact(w, r, in)
}

// redirectHost is what a person should look at: where the answer goes. In a
// private-use scheme a host means nothing, and could be anybody's name.
func (a *authorization) redirectHost() string {
	u, err := url.Parse(a.redirectURI)
	switch {
	case err != nil:
		return ""
	case u.Scheme == "https", u.Scheme == "http":
		return u.Host
	default:
		return u.Scheme
	}
}

// Resumes reports whether a URL leads back to a pending authorization request of
// this server. A login page that is told where to go next asks this first, and
// goes nowhere else.
func (s *Server) Resumes(rawURL string) bool {
	return strings.HasPrefix(rawURL, s.issuer+continuePath+"?") &&
		!strings.ContainsFunc(rawURL, func(c rune) bool { return c <= ' ' || c > '~' || c == '\\' })
}

// maxContinue bounds the query of a browser that comes back. Encoding a request
// twice makes five bytes of one, and whatever was accepted must come back.
const maxContinue = 5*maxQuery + 1<<10

// resume takes a browser that comes back: by GET after a sign-in, by POST with
// the decision of the consent form.
func (s *Server) resume(w http.ResponseWriter, r *http.Request) {
	if len(r.URL.RawQuery) > maxContinue {
		s.errorPage(w, r, nil, oautherr.InvalidRequest.Because(nil, "the request is too long"))
		return
	}
	q, err := form.Parse(r.URL.RawQuery)
	if err != nil {
		s.errorPage(w, r, nil, badForm(err))
		return
	}
	request := q.Value("request")
	f, err := form.Parse(request)
	if err != nil {
		s.errorPage(w, r, nil, badForm(err))
		return
	}
	key, _ := s.cookie.read(r)
	p, ok := s.readPending(key, q.Value("interaction"), request)
	if !ok {
		p = nil // too old, or of another browser: as good as a new request
	}
	if r.Method != http.MethodPost {
		s.answer(w, r, f, p)
		return
	}
	d, err := s.readDecision(r, p)
	if err != nil {
		s.errorPage(w, r, nil, err)
		return
	}
	s.settle(w, r, f, d)
}
