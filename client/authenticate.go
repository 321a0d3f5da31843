package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/grantor-go/grantor/form"
	"github.com/grantor-go/grantor/oautherr"
)

// A Method is one way for a client to authenticate, RFC 6749 §2.3.
type Method interface {
	// Name is the method's token_endpoint_auth_method.
	Name() string

	// Presented returns the credential of this method that the request carries,
	// and whether it carries one, well formed or not.
	Presented(r *http.Request, f form.Values) (Credential, bool)

	// Check returns nil if the credential proves that the request comes from c,
	// oautherr.InvalidClient if it does not, and any other error for trouble. A
	// client that does not exist, or may not use this method, is checked too, as
	// a Client with nothing but an ID: do the same work and fail.
	Check(ctx context.Context, c *Client, presented Credential) error
}

// A Credential is what a request presents to authenticate a client.
type Credential struct {
	ClientID string // whom it names; empty if that cannot be read
	Value    string `json:"-"` // the secret or assertion; empty if it cannot be read. Never log it
}

// Format prints whom the credential names and nothing else, whatever the verb.
func (c Credential) Format(s fmt.State, _ rune) { fmt.Fprintf(s, "credential of %q", c.ClientID) }

// An Authenticator finds out which client a request comes from.
type Authenticator struct {
	Source  Source
	Methods []Method // all methods the server offers; MethodNone is always offered
}

// Causes of a refusal, for logs and events; clients see one answer for all.
var (
	errNoCredential  = errors.New("client: no credential presented")
	errUnknownClient = errors.New("client: unknown or disabled")
	errUnreadable    = errors.New("client: the credential cannot be read; in HTTP Basic, id and secret are form-encoded first (RFC 6749 §2.3.1)")
	errMethod        = errors.New("client: authentication method not registered")
	errManyMethods   = errors.New("client: several authentication methods presented")
)

// refused is the one answer to every failed authentication. It is the same for
// an unknown client, a wrong secret and a method the client may not use.
func refused(cause error) error {
	return oautherr.InvalidClient.Because(cause, "client authentication failed")
}

// Authenticate returns the client that the request proves to come from. A
// public client proves nothing; it only says who it is.
//
// The second result is the client the request names, if it exists, also when
// authentication failed: CORS needs to know whose answer it is.
//
// Errors are oautherr.InvalidRequest when the request presents more than one
// credential or names two clients (RFC 6749 §2.3), oautherr.InvalidClient when
// the credential does not hold, and anything else for trouble.
func (a *Authenticator) Authenticate(ctx context.Context, r *http.Request, f form.Values) (c, named *Client, err error) {
	method, presented, err := a.presented(r, f)
	if err != nil {
		return nil, nil, err
	}
	found, err := Lookup(ctx, a.Source, presented.ClientID)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return nil, nil, err
	}
	var cause error
	switch {
	case presented.ClientID == "":
		cause = errUnreadable
	case err != nil:
		cause = errUnknownClient
	case !found.MayAuthenticateBy(method.Name()):
		cause = errMethod
	}
	checked := found
	if cause != nil {
		checked = &Client{ID: presented.ClientID} // costs what a known client costs, and fails
	}
	err = method.Check(ctx, checked, presented)
	if cause != nil && (err == nil || errors.Is(err, oautherr.InvalidClient)) {
		err = refused(cause)
	}
	if err != nil {
		return nil, found, err
	}
	return found, found, nil
}

// presented finds the one method the request uses, and the client it names.
func (a *Authenticator) presented(r *http.Request, f form.Values) (Method, Credential, error) {
	headers := r.Header["Authorization"]
	if len(headers) > 1 {
		return nil, Credential{}, oautherr.InvalidRequest.Because(nil, "more than one Authorization header")
	}
	var method Method
	var credential Credential
	for _, m := range a.Methods {
		c, ok := m.Presented(r, f)
		if !ok {
			continue
		}
		if method != nil {
			return nil, Credential{}, oautherr.InvalidRequest.Because(errManyMethods, "more than one client authentication method")
		}
		method, credential = m, c
	}
	named := f.Value("client_id")
	if method == nil {
		if named == "" || len(headers) > 0 {
			return nil, Credential{}, refused(errNoCredential)
		}
		return none{}, Credential{ClientID: named}, nil
	}
	if id := credential.ClientID; named != "" && named != id && id != "" {
		return nil, Credential{}, oautherr.InvalidRequest.Because(nil, "client_id is not the client that authenticates")
	}
	return method, credential, nil
}

// MethodNone is the token_endpoint_auth_method of a public client.
const MethodNone = "none"

// none lets a client that registered MethodNone pass on its name alone.
type none struct{}

func (none) Name() string { return MethodNone }

func (none) Presented(_ *http.Request, f form.Values) (Credential, bool) {
	id := f.Value("client_id")
	return Credential{ClientID: id}, id != ""
}

func (none) Check(context.Context, *Client, Credential) error { return nil }

// cutScheme splits an Authorization header into scheme and credentials. The
// scheme is compared without regard to case, RFC 9110 §11.1.
func cutScheme(header, scheme string) (string, bool) {
	if len(header) <= len(scheme) || header[len(scheme)] != ' ' || !strings.EqualFold(header[:len(scheme)], scheme) {
		return "", false
	}
	return strings.TrimLeft(header[len(scheme)+1:], " "), true
}
