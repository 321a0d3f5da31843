package resource

import (
	"errors"
	"net/http"
	"strings"

	"github.com/grantor-go/grantor/oautherr"
)

// maxToken bounds an access token, in bytes. JWTs of ours are never longer.
const maxToken = 16 << 10

var (
	// errNoToken: the client may not know that it needs one, so it is told which,
	// and no error (RFC 6750 §3.1).
	errNoToken = errors.New("resource: no bearer token")

	errMalformed = errors.New("resource: not of the form of a bearer token, or too long")
)

// bearer returns the access token of the Authorization header (RFC 6750 §2.1),
// or errNoToken. The form and query parameters of RFC 6750 §2.2 and §2.3 do not
// exist here, and the body is the API's.
func bearer(h http.Header) (string, error) {
	headers := h["Authorization"]
	if len(headers) > 1 {
		return "", oautherr.InvalidRequest.Because(nil, "more than one Authorization header")
	}
	if len(headers) == 0 {
		return "", errNoToken
	}
	// The scheme is compared without regard to case, RFC 9110 §11.1.
	scheme, credentials, _ := strings.Cut(headers[0], " ")
	presented := strings.TrimLeft(credentials, " ")
	if !strings.EqualFold(scheme, "Bearer") || presented == "" {
		return "", errNoToken
	}
	if len(presented) > maxToken || !isB64token(presented) {
		return "", invalidToken(errMalformed)
	}
	return presented, nil
}

// isB64token reports whether s is a b64token of RFC 6750 §2.1.
func isB64token(s string) bool {
	s = strings.TrimRight(s, "=")
	for i := range len(s) {
		if !b64[s[i]] {
			return false
		}
	}
	return s != ""
}

// b64 are the bytes of a b64token before its padding.
var b64 = func() (in [256]bool) {
	for _, b := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/") {
		in[b] = true
	}
	return in
}()
