package grantor

import (
	"errors"
	"net"
	"net/http"
	"strings"

	"github.com/grantor-go/grantor/client"
	"github.com/grantor-go/grantor/form"
	"github.com/grantor-go/grantor/oautherr"
)

// maxBody bounds the body of every request, in bytes.
const maxBody = 64 << 10

// clientRequest reads a request that a client makes directly, and finds out
// which client that is. Refusals are reported; the caller answers them.
func (s *Server) clientRequest(w http.ResponseWriter, r *http.Request) (form.Values, *client.Client, error) {
	ctx := r.Context()
	f, err := s.readForm(r)
	if err != nil {
		e := Event{Kind: RequestRefused, Remote: remote(r), Err: err}
		if errors.Is(err, errInURL) {
			e.Kind = CredentialInURL
		}
		s.emit(ctx, e)
		return f, nil, err
	}
	c, named, err := s.authenticate(r, f)
	allowOrigin(w, r, named)
	return f, c, err
}

// authenticate finds out which client the request comes from, and which it names.
// Refusals are reported.
func (s *Server) authenticate(r *http.Request, f form.Values) (c, named *client.Client, err error) {
	c, named, err = s.authenticator.Authenticate(r.Context(), r, f)
	if err != nil {
		e := Event{Kind: ClientRefused, Remote: remote(r), Err: err}
		if named != nil {
			e.ClientID = named.ID
		}
		if ours(err) {
			e.Kind = Trouble
		}
		s.emit(r.Context(), e)
		return nil, named, err
	}
	return c, named, nil
}

// tokenInHand reads a request about a token, and finds out which client makes it.
func (s *Server) tokenInHand(w http.ResponseWriter, r *http.Request) (presented string, c *client.Client, err error) {
	f, c, err := s.clientRequest(w, r)
	if err != nil {
		return "", nil, err
	}
	if presented = f.Value("token"); presented == "" {
		err = oautherr.InvalidRequest.Because(nil, "token is missing")
		s.emit(r.Context(), Event{Kind: RequestRefused, ClientID: c.ID, Remote: remote(r), Err: err})
	}
	return presented, c, err
}

// readForm reads the body of a client's request: bounded, of the right type,
// with nothing sent twice and nothing that belongs in it in the URL.
func (s *Server) readForm(r *http.Request) (form.Values, error) {
	if r.URL.RawQuery != "" {
		if err := s.checkQuery(r); err != nil {
			return form.Values{}, err
		}
	}
	f, err := form.Body(r, maxBody)
	if err != nil {
		return f, badForm(err)
	}
	for name := range f.Repetitions() {
		if contains(s.tokenParameters, name) {
			return f, oautherr.InvalidRequest.Because(rejected("parameter", name), "a parameter is sent more than once")
		}
	}
	if bracketed(f, s.tokenParameters) {
		return f, errBracketed()
	}
	return f, nil
}

// bracketed reports whether a name such as "scope[]" or "resource[0]" makes a
// list or an object of one of the parameters. Frameworks of other languages write
// and read such names; to ignore one would be to grant something else than what
// was meant.
func bracketed(f form.Values, parameters []string) bool {
	for name := range f.Names() {
		if base, _, found := strings.Cut(name, "["); found && (base == "resource" || contains(parameters, base)) {
			return true
		}
	}
	return false
}

func errBracketed() error {
	return oautherr.InvalidRequest.Because(nil, "a parameter has brackets in its name; write plain names")
}

var errInURL = errors.New("grantor: parameters of the protocol in the URL")

// checkQuery refuses parameters of the protocol in the URL, where logs and
// proxies see them (RFC 6749 §2.3.1, OAuth 2.1 §3.2).
func (s *Server) checkQuery(r *http.Request) error {
	q, err := form.Parse(r.URL.RawQuery)
	if err != nil {
		return badForm(err)
	}
	for _, name := range s.tokenParameters {
		if q.Value(name) == "" {
			continue
		}
		return oautherr.InvalidRequest.Because(errInURL, "parameters belong in the body, not in the URL")
	}
	return nil
}

// badForm turns an error of package form into the answer for it.
func badForm(err error) error {
	e := oautherr.InvalidRequest.Because(err, "the request is not a well-formed form")
	switch {
	case errors.Is(err, form.ErrTooLarge):
		e.Status, e.Description = http.StatusRequestEntityTooLarge, "the request is too large"
	case errors.Is(err, form.ErrEncoding):
		e.Status, e.Description = http.StatusUnsupportedMediaType, "content codings are not supported"
	case errors.Is(err, form.ErrContentType):
		e.Description = "the content type must be application/x-www-form-urlencoded"
	}
	return e
}

// remote is the peer's IP address. Forwarding headers are the business of a
// proxy that the host trusts, and of middleware that knows it.
func remote(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}
