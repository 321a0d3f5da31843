package grantor

import (
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"

	"github.com/grantor-go/grantor/client"
	"github.com/grantor-go/grantor/oautherr"
	"github.com/grantor-go/grantor/secret"
)

// redirectCode sends the browser to the client with the code, RFC 6749 §4.1.2
// and RFC 9207.
func (s *Server) redirectCode(w http.ResponseWriter, r *http.Request, a *authorization, code secret.Handle) {
	s.redirect(w, r, a, []parameter{{"code", code.Reveal()}})
}

// redirectError sends the browser to the client with an error, RFC 6749
// §4.1.2.1.
func (s *Server) redirectError(w http.ResponseWriter, r *http.Request, a *authorization, err error) {
	e := oautherr.From(err)
	kind := AuthorizeRefused
	if ours(err) {
		kind = Trouble
	}
	s.emit(r.Context(), Event{Kind: kind, ClientID: a.client.ID, Remote: remote(r), Err: e})
	answer := []parameter{{"error", string(e.Code)}}
	if e.Description != "" {
		answer = append(answer, parameter{"error_description", e.Description})
	}
	s.redirect(w, r, a, answer)
}

// A parameter is one parameter of an authorization response.
type parameter struct{ Name, Value string }

// redirect answers in the response_mode of the request. The registered bytes of
// the redirect URI are kept as they are.
func (s *Server) redirect(w http.ResponseWriter, r *http.Request, a *authorization, answer []parameter) {
	if a.state != "" {
		answer = append(answer, parameter{"state", a.state})
	}
	answer = append(answer, parameter{"iss", s.issuer})
	if a.mode == modeFormPost {
		nonce := newNonce()
		s.page(w, r, http.StatusOK, nonce, formPostPage, formPost{nonce, a.redirectURI, answer})
		return
	}
	var b strings.Builder
	b.Grow(len(a.redirectURI) + 256)
	b.WriteString(a.redirectURI)
	separator := byte('?')
	if strings.Contains(a.redirectURI, "?") {
		separator = '&'
	}
	for _, p := range answer {
		b.WriteByte(separator)
		b.WriteString(p.Name)
		b.WriteByte('=')
		b.WriteString(url.QueryEscape(p.Value))
		separator = '&'
	}
	w.Header()["Location"] = []string{b.String()}
	w.WriteHeader(http.StatusSeeOther)
}

// errorPage tells the person what is wrong with a request that cannot be
// answered to its client, which is nil if it is not even known.
func (s *Server) errorPage(w http.ResponseWriter, r *http.Request, c *client.Client, err error) {
	e := oautherr.From(err)
	kind := AuthorizeRefused
	if ours(err) {
		kind = Trouble
	}
	event := Event{Kind: kind, Remote: remote(r), Err: e}
	if c != nil {
		event.ClientID = c.ID
	}
	s.emit(r.Context(), event)
	if e.RetryAfter > 0 {
		w.Header().Set("Retry-After", seconds(e.RetryAfter))
	}
	if s.showError != nil {
		s.securePage(w, "")
		s.showError(w, r, e)
		return
	}
	nonce := newNonce()
	s.page(w, r, e.HTTPStatus(), nonce, errorPage, problem{nonce, string(e.Code), e.Description})
}

// newNonce makes a nonce for a Content-Security-Policy.
func newNonce() string {
	var raw [16]byte
	rand.Read(raw[:]) // never fails: crypto/rand aborts the program instead
	return base64.RawURLEncoding.EncodeToString(raw[:])
}
