package grantor

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/grantor-go/grantor/oautherr"
)

// EventKind says what happened.
type EventKind string

// The kinds of events.
const (
	RequestRefused    EventKind = "request.refused"       // a client's request was malformed
	ClientRefused     EventKind = "client.refused"        // client authentication failed
	AuthorizeRefused  EventKind = "authorize.refused"     // an authorization request was refused
	CodeIssued        EventKind = "code.issued"           // a code went to a client
	CodeReplayed      EventKind = "code.replayed"         // a spent code came again; its grant was revoked
	ConsentGiven      EventKind = "consent.given"         // a person agreed
	ConsentDenied     EventKind = "consent.denied"        // a person declined
	TokenIssued       EventKind = "token.issued"          // tokens were issued, first time
	TokenRefreshed    EventKind = "token.refreshed"       // tokens were issued for a refresh token
	TokenRepeated     EventKind = "token.repeated"        // a rotated refresh token returned the same successor
	TokenRefused      EventKind = "token.refused"         // a token request was refused
	RefreshReused     EventKind = "refresh.reused"        // a rotated refresh token came too late; its family was revoked
	TokenRevoked      EventKind = "token.revoked"         // one token, or a whole grant, was revoked
	RevokeIgnored     EventKind = "revocation.ignored"    // a client asked to revoke a token that is unknown, dead or another's
	TokensRevoked     EventKind = "tokens.revoked"        // Server.Revoke revoked all that match a query
	CredentialInURL   EventKind = "client.secret_in_url"  // a client put a secret, or another parameter, into a URL
	Trouble           EventKind = "server.trouble"        // store, signer or host callback failed
	Panicked          EventKind = "server.panicked"       // a panic was caught
	IntrospectRefused EventKind = "introspection.refused" // a caller asked about a token it may not see
)

// An Event is something worth keeping in an audit log. It never holds a
// credential.
type Event struct {
	Kind      EventKind
	Time      time.Time
	ClientID  string // empty if the request named no client that exists
	Subject   string
	GrantID   string
	GrantType string
	Scopes    []string
	Remote    string // the peer's address
	// Err is why, for refusals and trouble: the oautherr.Error with its cause.
	Err error
}

// tell calls the observer. One that panics must not take with it the answer to
// what has happened already: a code that is spent, a token that is issued.
func (s *Server) tell(ctx context.Context, e Event) {
	if s.observe == nil {
		return
	}
	defer func() {
		if v := recover(); v != nil && s.log != nil {
			s.log.LogAttrs(ctx, slog.LevelError, "Config.Observe panicked", slog.String("type", fmt.Sprintf("%T", v)))
		}
	}()
	s.observe(ctx, e)
}

// emit tells the observer and the log.
func (s *Server) emit(ctx context.Context, e Event) {
	if s.observe == nil && (e.Err == nil || s.log == nil) {
		return
	}
	e.Time = s.now()
	s.tell(ctx, e)
	if e.Err == nil || s.log == nil {
		return
	}
	level := slog.LevelInfo
	if e.Kind == Trouble || e.Kind == Panicked {
		level = slog.LevelError
	}
	if !s.log.Enabled(ctx, level) {
		return
	}
	refusal := oautherr.From(e.Err)
	attrs := []slog.Attr{slog.String("error", string(refusal.Code))}
	for _, a := range []struct{ key, value string }{
		{"description", refusal.Description},
		{"client_id", e.ClientID}, {"subject", e.Subject}, {"grant_id", e.GrantID},
		{"grant_type", e.GrantType}, {"remote", e.Remote},
	} {
		if a.value != "" {
			attrs = append(attrs, slog.String(a.key, clip(a.value)))
		}
	}
	if refusal.Cause != nil {
		attrs = append(attrs, slog.String("cause", clip(refusal.Cause.Error())))
	}
	s.log.LogAttrs(ctx, level, string(e.Kind), attrs...)
}

// rejected is the cause of a refusal, for the log: what was refused. The values
// are those of public parameters; the client is not told.
func rejected(what, value string) error {
	if value == "" {
		return fmt.Errorf("grantor: %s is missing", what)
	}
	return fmt.Errorf("grantor: %s %q", what, clipTo(value, 120))
}

// clip makes a value fit for one field of a log line: bounded, and without
// characters that end lines, steer terminals or turn the text around.
func clip(s string) string {
	return strings.Map(func(c rune) rune {
		if isPlain(c) {
			return c
		}
		return '?'
	}, clipTo(s, 200))
}

func clipTo(s string, most int) string {
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}
