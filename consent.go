package grantor

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/grantor-go/grantor/form"
	"github.com/grantor-go/grantor/oautherr"
	"github.com/grantor-go/grantor/secret"
	"github.com/grantor-go/grantor/store"
)

// Kinds of records that people's decisions leave.
const (
	kindConsent     store.Kind = "consent"     // what a subject agreed to for a client
	kindInteraction store.Kind = "interaction" // what an approved request was answered with
)

// A decision is what a person chose on the consent page.
type decision struct {
	approve bool
	csrf    string
	key     *browserKey
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
func (s *Server) readDecision(r *http.Request, key *browserKey, p *pending) (*decision, error) {
	if err := s.crossOrigin.Check(r); err != nil {
		return nil, forged(err)
	}
	f, err := form.Body(r, maxBody)
	if err != nil {
		return nil, badForm(err)
	}
	d := &decision{approve: f.Value("action") == "approve", csrf: f.Value("csrf"), key: key, pending: p}
	tag, _, _ := strings.Cut(d.csrf, ".")
	if p == nil || !key.verifies(tag, labelForm, p.id) {
		return nil, forged(nil)
	}
	if f.Repeated("action") || !d.approve && f.Value("action") != "deny" {
		return nil, oautherr.InvalidRequest.Because(nil, "the form's action is neither approve nor deny")
	}
	return d, nil
}

// settle carries out a decision. The request is identified, validated and
// decided about afresh: what changed since the page was shown counts. If it was
// shown to somebody else, the person who is there now is asked.
func (s *Server) settle(w http.ResponseWriter, r *http.Request, f form.Values, d *decision) {
	a, err := s.identify(r.Context(), f)
	if err != nil {
		s.errorPage(w, r, f.Value("client_id"), err)
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
	if need == NeedLogin || need == NeedAccount || !d.shownTo(session, f) {
		s.decide(w, r, a, session, d.pending)
		return
	}
	s.conclude(w, r, a, session, d)
}

// shownTo reports whether the form was rendered for this session's user.
func (d *decision) shownTo(session *Session, f form.Values) bool {
	_, tag, _ := strings.Cut(d.csrf, ".")
	return d.key.verifies(tag, labelSubject, d.pending.id, session.Subject, session.ID, f.Encode())
}

func (s *Server) conclude(w http.ResponseWriter, r *http.Request, a *authorization, session *Session, d *decision) {
	e := Event{Kind: ConsentDenied, ClientID: a.client.ID, Subject: session.Subject, Scopes: a.scopes, Remote: remote(r)}
	if !d.approve {
		s.emit(r.Context(), e)
		s.redirectError(w, r, a, oautherr.AccessDenied.Because(nil, "the user declined"))
		return
	}
	code, first, err := s.approve(r.Context(), a, session, d)
	if err != nil {
		s.redirectError(w, r, a, err)
		return
	}
	if first {
		e.Kind = ConsentGiven
		s.emit(r.Context(), e)
	}
	s.redirectCode(w, r, a, code)
}

// Approve answers the request as if the person had pressed "approve", for a host
// whose policy decides in the person's stead. It is for use in Config.Interact
// when Need is NeedConsent.
func (in *Interaction) Approve(w http.ResponseWriter, r *http.Request) {
	in.conclude(w, r, true)
}

// Deny answers the request with access_denied.
func (in *Interaction) Deny(w http.ResponseWriter, r *http.Request) {
	in.conclude(w, r, false)
}

func (in *Interaction) conclude(w http.ResponseWriter, r *http.Request, approve bool) {
	if in.Session == nil || approve && in.Need != NeedConsent {
		in.server.redirectError(w, r, in.request, in.Need.refusal())
		return
	}
	in.server.conclude(w, r, in.request, in.Session, &decision{approve: approve, key: in.key, pending: in.pending})
}

// approve remembers the consent and issues the code, once per pending request: a
// form that is submitted twice gets the same code twice. The code is kept for
// that under the browser's key, which the store does not have.
func (s *Server) approve(ctx context.Context, a *authorization, session *Session, d *decision) (code secret.Handle, first bool, err error) {
	code, err = s.answered(ctx, d)
	if err == nil || !errors.Is(err, store.ErrNotFound) {
		return code, false, err
	}
	if err := s.remember(ctx, a, session); err != nil {
		return code, false, err
	}
	code, grantID, err := s.grantCode(ctx, a, session)
	if err != nil {
		return code, false, err
	}
	sealed, err := d.seal(code)
	if err == nil {
		err = s.ledger.Store.Put(ctx, store.Record{
			Kind: kindInteraction, ID: d.pending.id, Grant: grantID, Client: a.client.ID, Subject: session.Subject,
			Expires: d.pending.created.Add(s.lifetimes.Interaction + time.Minute), Data: sealed,
		})
	}
	if err == nil {
		return code, true, nil
	}
	// Nobody has seen this code and nobody will.
	if failed := s.ledger.Revoke(ctx, grantID); failed != nil {
		return code, false, failed
	}
	if errors.Is(err, store.ErrConflict) {
		code, err = s.answered(ctx, d)
	}
	return code, false, err
}

// answered returns the code that the pending request was answered with, or
// store.ErrNotFound.
func (s *Server) answered(ctx context.Context, d *decision) (secret.Handle, error) {
	r, err := s.ledger.Store.Get(ctx, kindInteraction, d.pending.id)
	if err != nil {
		return secret.Handle{}, err
	}
	return d.unseal(s.ledger.Format, r.Data)
}

// interactionRecord is the data of an interaction.
type interactionRecord struct {
	Version int    `json:"v"`
	Sealed  []byte `json:"sealed"`
}

func (d *decision) aead() (cipher.AEAD, error) {
	block, err := aes.NewCipher(d.key.mac(labelSeal, d.pending.id))
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

func (d *decision) seal(code secret.Handle) ([]byte, error) {
	aead, err := d.aead()
	if err != nil {
		return nil, err
	}
	return json.Marshal(interactionRecord{Version: 1, Sealed: aead.Seal(nil, nil, []byte(code.Reveal()), nil)})
}

func (d *decision) unseal(f secret.Format, data []byte) (secret.Handle, error) {
	var rec interactionRecord
	if err := json.Unmarshal(data, &rec); err != nil {
		return secret.Handle{}, err
	}
	aead, err := d.aead()
	if err != nil {
		return secret.Handle{}, err
	}
	plain, err := aead.Open(nil, nil, rec.Sealed, nil)
	if err != nil {
		return secret.Handle{}, err
	}
	return f.Parse(string(plain))
}

// consentRecord is the data of a remembered consent.
type consentRecord struct {
	Version   int      `json:"v"`
	Scopes    []string `json:"scopes"`
	Resources []string `json:"resources,omitempty"`
	At        int64    `json:"at"` // Unix seconds
}

// consentID names the record; ids of clients and subjects may be anything, so
// they are digested.
func consentID(subject, clientID string) string {
	sum := sha256.Sum256([]byte(url.QueryEscape(subject) + " " + url.QueryEscape(clientID)))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// recall returns what the subject agreed to for the client, and its record;
// nothing and a new record if there is none.
func (s *Server) recall(ctx context.Context, a *authorization, session *Session) (consentRecord, store.Record, error) {
	rec := consentRecord{Version: 1}
	r, err := s.ledger.Store.Get(ctx, kindConsent, consentID(session.Subject, a.client.ID))
	if errors.Is(err, store.ErrNotFound) {
		r = store.Record{
			Kind: kindConsent, ID: consentID(session.Subject, a.client.ID),
			Client: a.client.ID, Subject: session.Subject,
		}
		return rec, r, nil
	}
	if err != nil {
		return rec, r, err
	}
	return rec, r, json.Unmarshal(r.Data, &rec)
}

// consented reports whether the user agreed before to all that is asked for.
func (s *Server) consented(ctx context.Context, a *authorization, session *Session) (bool, error) {
	rec, r, err := s.recall(ctx, a, session)
	return r.Version > 0 && covers(rec.Scopes, a.scopes) && covers(rec.Resources, a.resources), err
}

// covers reports whether every wanted value is among those given.
func covers(given, wanted []string) bool {
	return !slices.ContainsFunc(wanted, func(w string) bool { return !slices.Contains(given, w) })
}

// remember adds what is asked for to what the user agreed to before.
func (s *Server) remember(ctx context.Context, a *authorization, session *Session) error {
	err := store.ErrConflict
	for range redeemAttempts {
		var rec consentRecord
		var r store.Record
		if rec, r, err = s.recall(ctx, a, session); err != nil {
			return err
		}
		now := s.now()
		rec.Scopes, rec.Resources, rec.At = union(rec.Scopes, a.scopes), union(rec.Resources, a.resources), now.Unix()
		if r.Data, err = json.Marshal(rec); err != nil {
			return err
		}
		r.Expires = now.Add(s.lifetimes.Consent)
		if err = s.ledger.Store.Put(ctx, r); !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
	return err
}

func union(a, b []string) []string {
	all := slices.Clone(a)
	for _, v := range b {
		if !slices.Contains(all, v) {
			all = append(all, v)
		}
	}
	return all
}
