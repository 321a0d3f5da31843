package grantor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"html/template"
	"math"
	"net/http"
	"runtime/debug"
	"strconv"
	"sync"
	"time"

	"github.com/grantor-go/grantor/client"
	"github.com/grantor-go/grantor/internal/jsonw"
	"github.com/grantor-go/grantor/oautherr"
)

// Header values that never change. net/http does not modify them.
var (
	headerJSON    = []string{"application/json"}
	headerHTML    = []string{"text/html; charset=utf-8"}
	headerNoStore = []string{"no-store"}
	headerNoCache = []string{"no-cache"}

	headerNoReferrer = []string{"no-referrer"}
)

// buffers are reused for response bodies.
var buffers = sync.Pool{New: func() any { return &jsonw.Writer{B: make([]byte, 0, 2048)} }}

// writeJSON writes the body that fill appends. Nothing of it may be cached (RFC
// 6749 §5.1).
func writeJSON(w http.ResponseWriter, status int, fill func(*jsonw.Writer)) {
	body := buffers.Get().(*jsonw.Writer)
	body.Reset()
	body.Open('{')
	fill(body)
	body.Close('}')
	h := w.Header()
	h["Content-Type"] = headerJSON
	h["Cache-Control"] = headerNoStore
	if status != http.StatusOK {
		w.WriteHeader(status)
	}
	_, _ = w.Write(body.B) // the client is gone if this fails; nobody is left to tell
	if cap(body.B) <= 1<<16 {
		buffers.Put(body)
	}
}

// refuse answers an endpoint that speaks JSON with an OAuth error, RFC 6749
// §5.2.
func (s *Server) refuse(w http.ResponseWriter, err error) {
	e := oautherr.From(err)
	h := w.Header()
	if e.RetryAfter > 0 {
		h.Set("Retry-After", seconds(e.RetryAfter))
	}
	if e.HTTPStatus() == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Basic realm="`+s.issuer+`", charset="UTF-8"`)
	}
	writeJSON(w, e.HTTPStatus(), func(j *jsonw.Writer) {
		j.String("error", string(e.Code))
		j.Text("error_description", e.Description)
	})
}

func seconds(d time.Duration) string {
	return strconv.FormatInt(int64(math.Ceil(d.Seconds())), 10)
}

// preliminaryCORS says that the answer depends on the origin. Whether a script may
// read it is decided when its client is known, by allowOrigin.
func (s *Server) preliminaryCORS(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Origin") != "" {
		w.Header().Add("Vary", "Origin")
	}
}

// allowOrigin lets scripts read the answer if their origin is registered for
// the client.
func allowOrigin(w http.ResponseWriter, r *http.Request, c *client.Client) {
	origins := r.Header["Origin"]
	if c == nil || len(origins) != 1 || !c.AllowsOrigin(origins[0]) {
		return
	}
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", origins[0])
	h.Set("Access-Control-Expose-Headers", "WWW-Authenticate, DPoP-Nonce, Retry-After")
}

// preflight answers the OPTIONS request of a browser. It names no client, so it
// promises nothing but that the request may be sent, without credentials.
func preflight(w http.ResponseWriter, e *endpoint) {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Allow-Methods", e.allow)
	h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, DPoP")
	h.Set("Access-Control-Max-Age", "3600")
	w.WriteHeader(http.StatusNoContent)
}

// notAllowed answers a method that the endpoint does not have.
func (s *Server) notAllowed(w http.ResponseWriter, r *http.Request, e *endpoint) {
	h := w.Header()
	h.Set("Allow", e.allow)
	switch {
	case r.Method != http.MethodOptions && e.cors:
		s.refuse(w, &oautherr.Error{
			Code: oautherr.InvalidRequest, Description: "the method must be POST", Status: http.StatusMethodNotAllowed,
		})
	case r.Method != http.MethodOptions:
		h["Cache-Control"] = headerNoStore
		w.WriteHeader(http.StatusMethodNotAllowed)
	case (e.cors || e.public) && r.Header.Get("Access-Control-Request-Method") != "":
		preflight(w, e)
	default:
		w.WriteHeader(http.StatusNoContent)
	}
}

func (s *Server) notFound(w http.ResponseWriter) {
	w.Header()["Cache-Control"] = headerNoStore
	w.WriteHeader(http.StatusNotFound)
}

// panicked answers after a panic. The panic's value may hold anything, so only
// its type and where it happened are kept.
func (s *Server) panicked(w http.ResponseWriter, r *http.Request, v any) {
	if v == http.ErrAbortHandler {
		panic(v)
	}
	err := oautherr.ServerError.Because(fmt.Errorf("panic of type %T", v), "the server failed")
	s.reportPanic(r, err, debug.Stack())
	s.refuse(w, err)
}

// reportPanic tells the observer and the log, unless it was one of them.
func (s *Server) reportPanic(r *http.Request, err error, stack []byte) {
	defer func() { _ = recover() }()
	if s.log != nil {
		s.log.ErrorContext(r.Context(), "stack of the panic", "stack", clipTo(string(stack), 1500))
	}
	s.emit(r.Context(), Event{Kind: Panicked, Remote: remote(r), Err: err})
}

// securePage sets what every page of the server has: it is not cached, not
// framed, sends no referrer and loads nothing from elsewhere (RFC 9700 §4.16,
// §4.2.4). The nonce, if any, allows one inline style and script.
func (s *Server) securePage(w http.ResponseWriter, nonce string) {
	h := w.Header()
	h["Content-Type"] = headerHTML
	h["Cache-Control"] = headerNoStore
	h["Referrer-Policy"] = headerNoReferrer
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	csp := "default-src 'none'; base-uri 'none'; frame-ancestors 'none'"
	if nonce != "" {
		csp += "; style-src 'nonce-" + nonce + "'; script-src 'nonce-" + nonce + "'"
	}
	h.Set("Content-Security-Policy", csp)
	if s.cookie.secure {
		h.Set("Strict-Transport-Security", "max-age=63072000")
	}
}

// page renders a page of the server. A template that fails is a programmer's
// mistake; nothing of it is sent.
func (s *Server) page(w http.ResponseWriter, r *http.Request, status int, nonce string, t *template.Template, data any) {
	var body bytes.Buffer
	if err := t.Execute(&body, data); err != nil {
		s.trouble(r.Context(), r, err)
		http.Error(w, "the page could not be shown", http.StatusInternalServerError)
		return
	}
	s.securePage(w, nonce)
	w.WriteHeader(status)
	_, _ = body.WriteTo(w)
}

// trouble reports an error that no client is to blame for.
func (s *Server) trouble(ctx context.Context, r *http.Request, err error) {
	s.emit(ctx, Event{Kind: Trouble, Remote: remote(r), Err: err})
}

// ours reports whether err is trouble of ours, not a refusal.
func ours(err error) bool {
	var e *oautherr.Error
	var c oautherr.Code
	if errors.As(err, &e) {
		return e.HTTPStatus() >= http.StatusInternalServerError
	}
	return !errors.As(err, &c)
}
