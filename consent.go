package grantor

import (
	"errors"
	"net/http"
	"strings"

	"github.com/grantor-go/grantor/form"
	"github.com/grantor-go/grantor/oautherr"
)

// A decision is what a person chose on the consent page.
type decision struct {
	approve bool
	csrf    string
	pending *pending
}

var errForged = errors.New("grantor: the form does not come from a page of this server in this browser")

// forged is the answer to a decision that the person at this browser did not
// make here.
func forged(cause error) error {
	e := oautherr.AccessDenied.Because(errors.Join(errForged, cause), "this form has expired or was not opened in this browser; go back to the application and try again")
	e.Status = http.StatusForbidden
	return e
}

// readDecision reads the consent form and proves where it comes from: a page of
// this origin, opened in this browser, for this request.
//
// Our pages send no referrer, and so, by the Fetch standard, "Origin: null" with
// their forms. Where the browser sends no Sec-Fetch-Site beside it, as over plain
// http, that says nothing, and the token alone must do.
func (s *Server) readDecision(r *http.Request, p *pending) (*decision, error) {
	mute := r.Header.Get("Sec-Fetch-Site") == "" && r.Header.Get("Origin") == "null"
	if err := s.crossOrigin.Check(r); err != nil && !mute {
		return nil, forged(err)
	}
	f, err := form.Body(r, maxBody)
	if err != nil {
		return nil, badForm(err)
	}
	d := &decision{approve: f.Value("action") == "approve", csrf: f.Value("csrf"), pending: p}
	tag, _, _ := strings.Cut(d.csrf, ".")
	if p == nil || !p.key.verifies(tag, labelForm, p.id) {
		return nil, forged(nil)
	}
	if f.Repeated("action") || !d.approve && f.Value("action") != "deny" {
		return nil, oautherr.InvalidRequest.Because(nil, "the form's action is neither approve nor deny")
	}
	return d, nil
}

// settle carries out a decision. The request is identified, validated and
// decided about afresh: what changed since the page was shown counts. If it said
// something else, or to somebody else, the person who is there now is asked.
func (s *Server) settle(w http.ResponseWriter, r *http.Request, f form.Values, d *decision) {
	a, err := s.identify(r.Context(), f)
	if err != nil {
		s.errorPage(w, r, a.client, err)
		return
	}
	if err := s.validateRequest(a); err != nil {
		s.redirectError(w, r, a, err)
		return
	}
	session, err := s.whoIsThere(r)
	if err != nil {
		s.redirectError(w, r, a, err)
		return
	}
	need, err := s.need(r.Context(), a, session, d.pending)
	if err != nil {
		s.redirectError(w, r, a, err)
		return
	}
	if need == NeedLogin || need == NeedAccount || !d.made(a, session) {
		s.decide(w, r, a, session, d.pending)
		return
	}
	s.conclude(w, r, a, session, d)
}

// made reports whether the decision is this session's user's, about this.
func (d *decision) made(a *authorization, session *Session) bool {
	_, tag, _ := strings.Cut(d.csrf, ".")
	return d.pending.key.verifies(tag, labelSubject, d.pending.shown(a, session)...)
}

func (s *Server) conclude(w http.ResponseWriter, r *http.Request, a *authorization, session *Session, d *decision) {
	e := Event{Kind: ConsentDenied, ClientID: a.client.ID, Scopes: a.scopes, Remote: remote(r)}
	if session != nil {
		e.Subject = session.Subject
	}
	if !d.approve {
		s.emit(r.Context(), e)
		s.redirectError(w, r, a, oautherr.AccessDenied.Because(nil, "the user declined"))
		return
	}
	code, first, err := s.answerOnce(r, a, session, d.pending, true)
	if first {
		e.Kind = ConsentGiven
		s.emit(r.Context(), e)
	}
	s.deliver(w, r, a, session, code, err)
}

// Approve answers the request as if the person had pressed "approve", for a host
// whose policy decides in the person's stead. It is for use in Config.Interact
// when Need is NeedConsent.
func (in *Interaction) Approve(w http.ResponseWriter, r *http.Request) {
	in.conclude(w, r, true)
}

// Deny answers the request with access_denied, whatever it still needs.
func (in *Interaction) Deny(w http.ResponseWriter, r *http.Request) {
	in.conclude(w, r, false)
}

func (in *Interaction) conclude(w http.ResponseWriter, r *http.Request, approve bool) {
	if approve && in.Need != NeedConsent {
		in.server.redirectError(w, r, in.request, in.Need.refusal())
		return
	}
	in.server.conclude(w, r, in.request, in.Session, &decision{approve: approve, pending: in.pending})
}
