package grantor

import (
	"context"
	"fmt"
	"net/http"
	stdpath "path"
	"strings"

	"github.com/grantor-go/grantor/client"
	"github.com/grantor-go/grantor/form"
	"github.com/grantor-go/grantor/grant"
)

// An Extension adds a feature to a Server. Extend is called once, by New; its
// error is one of the problems that New reports.
type Extension interface {
	Extend(*Builder) error
}

// A Builder is what an Extension, and New itself, builds a Server with. It is of
// no use after Extend has returned.
type Builder struct {
	s *Server
}

// Issuer returns the issuer identifier.
func (b *Builder) Issuer() string { return b.s.issuer }

// Grant adds a grant type, and says which parameters it reads besides
// grant_type, scope, resource and those of client authentication: sent twice,
// they are invalid_request (RFC 6749 §3.2).
func (b *Builder) Grant(h grant.Handler, parameters ...string) error {
	if h.Type() == "" {
		return fmt.Errorf("grantor: a grant handler has no type")
	}
	if _, taken := b.s.handlers[h.Type()]; taken {
		return fmt.Errorf("grantor: two handlers for the grant type %s", h.Type())
	}
	b.s.handlers[h.Type()] = h
	b.s.grantTypes = append(b.s.grantTypes, h.Type())
	b.s.tokenParameters = append(b.s.tokenParameters, parameters...)
	return nil
}

// Method adds a way for clients to authenticate, and says which parameters it
// reads.
func (b *Builder) Method(m client.Method, parameters ...string) error {
	if m.Name() == "" || m.Name() == client.MethodNone {
		return fmt.Errorf("grantor: an authentication method cannot be named %q", m.Name())
	}
	for _, have := range b.s.authenticator.Methods {
		if have.Name() == m.Name() {
			return fmt.Errorf("grantor: two authentication methods named %s", m.Name())
		}
	}
	b.s.authenticator.Methods = append(b.s.authenticator.Methods, m)
	b.s.tokenParameters = append(b.s.tokenParameters, parameters...)
	return nil
}

// Endpoint serves a path below the issuer, such as "/userinfo", for the methods,
// and returns its URL. The handler sees the request as it came.
func (b *Builder) Endpoint(path string, h http.Handler, methods ...string) (string, error) {
	if !strings.HasPrefix(path, "/") || stdpath.Clean(path) != path || strings.ContainsAny(path, "{}%?# ") || len(methods) == 0 {
		return "", fmt.Errorf("grantor: endpoint %q needs a plain path with a leading slash, and a method", path)
	}
	e := &endpoint{allow: strings.Join(methods, ", "), methods: methods, serve: h.ServeHTTP}
	if !b.s.router.add(b.s.path+path, e) {
		return "", fmt.Errorf("grantor: two endpoints at %s", path)
	}
	return b.s.issuer + path, nil
}

// Metadata adds a member to the authorization server metadata, RFC 8414 §2.
func (b *Builder) Metadata(name string, value any) error {
	if name == "issuer" {
		return fmt.Errorf("grantor: no extension sets the issuer")
	}
	if _, taken := b.s.metadata[name]; taken {
		return fmt.Errorf("grantor: two values for the metadata member %s", name)
	}
	b.s.metadata[name] = value
	return nil
}

// AuthorizeParameter names parameters of the authorization request that an
// extension reads: sent twice, they are invalid_request (RFC 6749 §3.1).
func (b *Builder) AuthorizeParameter(names ...string) {
	b.s.authorizeParameters = append(b.s.authorizeParameters, names...)
}

// Claims adds a hook that returns further claims for access tokens.
func (b *Builder) Claims(hook func(context.Context, Issuance) (map[string]any, error)) {
	b.s.claimHooks = append(b.s.claimHooks, hook)
}

// Response adds a hook that returns further members for token responses.
func (b *Builder) Response(hook func(context.Context, Issuance) (map[string]any, error)) {
	b.s.responseHooks = append(b.s.responseHooks, hook)
}

// Granting adds a hook that sees each authorization before its code is issued:
// the request's parameters, the session, and the grant, to whose Extra it may
// add. An error refuses the request.
func (b *Builder) Granting(hook func(context.Context, form.Values, *Session, *grant.Grant) error) {
	b.s.grantingHooks = append(b.s.grantingHooks, hook)
}

// Authenticate identifies the client that a request to an extension's endpoint
// comes from, as the token endpoint does. It reports refusals; the endpoint
// answers them.
func (b *Builder) Authenticate() func(*http.Request, form.Values) (*client.Client, error) {
	s := b.s
	return func(r *http.Request, f form.Values) (*client.Client, error) {
		c, _, err := s.authenticate(r, f)
		return c, err
	}
}
