package resource

import (
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/grantor-go/grantor/oautherr"
	"github.com/grantor-go/grantor/token"
)

// retryAfter is what a client is told to wait when the verifier does not say.
const retryAfter = time.Second

// invalidToken is the one answer to a token that does not work here.
func invalidToken(cause error) error {
	return oautherr.InvalidToken.Because(cause, "the access token is invalid, expired or revoked")
}

// trouble is the answer when nobody can tell whether a token works.
func trouble(cause error) error {
	e := oautherr.TemporarilyUnavailable.Because(cause, "the access token cannot be checked right now, try again")
	e.RetryAfter = retryAfter
	if known := (*oautherr.Error)(nil); errors.As(cause, &known) && known.RetryAfter > 0 {
		e.RetryAfter = known.RetryAfter
	}
	return e
}

// invitation is the challenge without an error: what a client needs to know to
// get a token for this place (RFC 6750 §3, RFC 9728 §5.1).
func (d *door) invitation() string {
	realm := d.Realm
	if realm == "" {
		realm = d.Resource
	}
	if realm == "" {
		realm = "api"
	}
	var b strings.Builder
	b.WriteString(`Bearer realm="` + realm + `"`)
	if len(d.needs) > 0 {
		b.WriteString(`, scope="` + strings.Join(d.needs, " ") + `"`)
	}
	if len(d.AuthorizationServers) > 0 {
		metadata, _, _ := d.metadataURL() // Validate has seen it
		b.WriteString(`, resource_metadata="` + metadata + `"`)
	}
	return b.String()
}

// refuse answers a request that may not pass. Scope lists all that is needed, not
// only what is missing, so that one more trip to the authorization server is
// enough.
func (d *door) refuse(w http.ResponseWriter, r *http.Request, c token.Claims, err error) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	if errors.Is(err, errNoToken) {
		h.Set("WWW-Authenticate", d.challenge)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	e := oautherr.From(err)
	d.report(r, c, e)
	if e.Code == oautherr.TemporarilyUnavailable {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(e.RetryAfter.Seconds()))))
	} else {
		h.Set("WWW-Authenticate", d.challenge+`, error="`+string(e.Code)+`", error_description="`+e.Description+`"`)
	}
	// Strings always marshal.
	body, _ := json.Marshal(struct {
		Error       oautherr.Code `json:"error"`
		Description string        `json:"error_description"`
	}{e.Code, e.Description})
	h.Set("Content-Type", "application/json")
	w.WriteHeader(e.HTTPStatus())
	_, _ = w.Write(body) // the client is gone if this fails
}

// report tells the log of a refusal.
func (d *door) report(r *http.Request, c token.Claims, e *oautherr.Error) {
	if d.Logger == nil {
		return
	}
	level, message := slog.LevelInfo, "access token refused"
	if e.Code == oautherr.TemporarilyUnavailable {
		level, message = slog.LevelError, "access token not checked"
	}
	attrs := []slog.Attr{slog.String("error", string(e.Code)), slog.String("resource", d.Resource)}
	if c.ClientID != "" {
		attrs = append(attrs, slog.String("client_id", c.ClientID), slog.String("subject", c.Subject))
	}
	if e.Cause != nil {
		attrs = append(attrs, slog.String("cause", clip(e.Cause.Error())))
	}
	d.Logger.LogAttrs(r.Context(), level, message, attrs...)
}

// clip bounds what one field adds to a log line.
func clip(s string) string {
	const most = 200
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}
