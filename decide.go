package grantor

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/grantor-go/grantor/client"
	"github.com/grantor-go/grantor/grant"
	"github.com/grantor-go/grantor/oautherr"
	"github.com/grantor-go/grantor/secret"
	"github.com/grantor-go/grantor/store"
)

// A Session is who is at the browser, as the host knows it.
type Session struct {
	// Subject is the user: stable, never reassigned, at most 255 bytes.
	Subject string
	// AuthTime is when the user last proved to be that user. Without it, requests
	// with prompt=login or max_age are trouble.
	AuthTime time.Time
	// ID names the session at the host; empty if sessions have no names. It is
	// not the session cookie.
	ID string
	// ACR and AMR say how the user authenticated (OpenID Connect Core §2).
	ACR string
	AMR []string
}

// Need is what an authorization request still needs of the person.
type Need string

// The needs, in the order they are asked for.
const (
	NeedNothing Need = ""
	NeedLogin   Need = "login"          // sign in, or sign in again
	NeedAccount Need = "select_account" // choose which account to use
	NeedConsent Need = "consent"        // agree to what the client asks for
)

// errSessionSubject is a mistake of the host.
var errSessionSubject = errors.New("grantor: Config.Session returned a session whose subject is empty or longer than 255 bytes")

// errSessionAuthTime is a mistake of the host.
var errSessionAuthTime = errors.New("grantor: Config.Session returned a session without AuthTime, which prompt=login and max_age need")

// refusal is the error for a request that must not bother anybody, OpenID
// Connect Core §3.1.2.6.
func (n Need) refusal() error {
	switch n {
	case NeedLogin:
		return oautherr.LoginRequired.Because(nil, "nobody is signed in, or not recently enough")
	case NeedConsent:
		return oautherr.ConsentRequired.Because(nil, "the user has not agreed yet")
	default:
		return oautherr.InteractionRequired.Because(nil, "the user must choose")
	}
}

// whoIsThere asks the host for the session, and about its user.
func (s *Server) whoIsThere(r *http.Request) (*Session, error) {
	session, err := s.session(r)
	if err != nil || session == nil {
		return nil, err
	}
	if session.Subject == "" || len(session.Subject) > 255 {
		return nil, errSessionSubject
	}
	if s.subjects == nil {
		return session, nil
	}
	who, err := s.subjects.Subject(r.Context(), session.Subject)
	if err != nil {
		return nil, err
	}
	if !who.Active || who.Service {
		return nil, oautherr.AccessDenied.Because(errSubjectGone, "this account may not sign in here")
	}
	return session, nil
}

// decide finds out what is needed and gets it. It is asked again, with the same
// request, each time the person comes back.
func (s *Server) decide(w http.ResponseWriter, r *http.Request, a *authorization, session *Session, p *pending) {
	need, err := s.need(r.Context(), a, session, p)
	switch {
	case err != nil:
		s.redirectError(w, r, a, err)
	case need == NeedNothing:
		s.finish(w, r, a, session, p)
	case a.asks(promptNone):
		s.redirectError(w, r, a, need.refusal())
	default:
		s.ask(w, r, a, session, need, p)
	}
}

func (s *Server) need(ctx context.Context, a *authorization, session *Session, p *pending) (Need, error) {
	switch {
	case session == nil:
		return NeedLogin, nil
	case session.AuthTime.IsZero() && (a.asks(promptLogin) || a.maxAge >= 0):
		return NeedNothing, errSessionAuthTime // or the person would sign in for ever
	case s.stale(a, session, p):
		return NeedLogin, nil
	case a.asks(promptSelectAccount) && !p.asked(NeedAccount):
		return NeedAccount, nil
	case a.asks(promptConsent):
		return NeedConsent, nil
	case !a.provable():
		return NeedConsent, nil
	case a.client.FirstParty:
		return NeedNothing, nil
	}
	given, err := s.consented(ctx, a, session)
	if err != nil || given {
		return NeedNothing, err
	}
	return NeedConsent, nil
}

// stale reports whether the user must authenticate again: prompt=login, and
// max_age=0, want it to happen after the request came, max_age within that time.
func (s *Server) stale(a *authorization, session *Session, p *pending) bool {
	if (a.asks(promptLogin) || a.maxAge == 0) && (p == nil || session.AuthTime.Before(p.since(session.AuthTime))) {
		return true
	}
	return a.maxAge >= 0 && s.now().Sub(session.AuthTime) > a.maxAge && !(p != nil && !session.AuthTime.Before(p.since(session.AuthTime)))
}

// finish issues the code and sends the browser back to the client. The subject
// comes from the session, never from a form.
func (s *Server) finish(w http.ResponseWriter, r *http.Request, a *authorization, session *Session, p *pending) {
	if p != nil {
		code, _, err := s.answerOnce(r, a, session, p, false)
		s.deliver(w, r, a, session, code, err)
		return
	}
	code, g, err := s.grantCode(r.Context(), a, session)
	if err == nil {
		s.issued(r, g)
	}
	s.deliver(w, r, a, session, code, err)
}

// deliver sends the browser back to the client with the code, or with why there
// is none. A request that was answered for somebody else begins anew.
func (s *Server) deliver(w http.ResponseWriter, r *http.Request, a *authorization, session *Session, code secret.Handle, err error) {
	switch {
	case err == nil:
		s.redirectCode(w, r, a, code)
	case errors.Is(err, errOthers):
		s.decide(w, r, a, session, nil)
	default:
		s.redirectError(w, r, a, err)
	}
}

// grantCode records the grant and returns it and its code. An ID that is taken is
// replaced.
func (s *Server) grantCode(ctx context.Context, a *authorization, session *Session) (secret.Handle, *grant.Grant, error) {
	err := store.ErrConflict
	for range redeemAttempts {
		var g *grant.Grant
		if g, err = s.newGrant(ctx, a, session); err != nil {
			break
		}
		code := g.IssueCode(s.ledger.Format, s.ledger.Peppers, grant.Authorization{
			RedirectURI: a.redirectURI, Challenge: a.challenge, Created: g.Created, Expires: g.Created.Add(s.lifetimes.Code),
		})
		if err = s.ledger.Commit(ctx, g); err == nil {
			return code, g, nil
		}
		if !errors.Is(err, store.ErrConflict) {
			break
		}
	}
	return secret.Handle{}, nil, err
}

// newGrant is what the request is granted.
func (s *Server) newGrant(ctx context.Context, a *authorization, session *Session) (*grant.Grant, error) {
	now := s.now()
	g := grant.New(s.ledger.Format, client.AuthorizationCode, now)
	g.ClientID, g.Subject, g.AuthTime = a.client.ID, session.Subject, session.AuthTime
	g.Scopes, g.Resources = slices.Clip(a.scopes), a.resources
	g.Expires, g.Refreshable = now.Add(s.lifetimes.Refresh), true
	for _, hook := range s.grantingHooks {
		if err := hook(ctx, a.form, session, g); err != nil {
			return nil, err
		}
	}
	return g, nil
}

// issued reports a code that goes to its client.
func (s *Server) issued(r *http.Request, g *grant.Grant) {
	s.emit(r.Context(), Event{
		Kind: CodeIssued, ClientID: g.ClientID, Subject: g.Subject, GrantID: g.ID,
		GrantType: g.Type, Scopes: g.Scopes, Remote: remote(r),
	})
}
