// Package client describes who may ask the authorization server for tokens:
// the registered [Client], the [Source] it comes from, and each [Method] by
// which it proves at the token endpoint that it is itself.
//
// A host that keeps clients in a table of its own implements [Source], one
// method. A host with a handful of them uses [NewStatic].
package client

import (
	"slices"
	"time"

	"github.com/grantor-go/grantor/secret"
)

// Grant types of RFC 6749, as they stand in Client.GrantTypes (RFC 7591 §2).
const (
	AuthorizationCode = "authorization_code"
	RefreshToken      = "refresh_token"
	ClientCredentials = "client_credentials"
	Password          = "password"
)

// Values of Client.ApplicationType, OpenID Connect Registration §2.
const (
	Web    = "web"    // runs on a server, redirects to https; the default
	Native = "native" // runs on a person's device, may redirect to loopback and private-use URIs (RFC 8252)
)

// A Client is one registered application. The fields that RFC 7591 §2 knows
// have its meaning. A Client is read-only once a Source has handed it out.
type Client struct {
	ID   string // client_id: 1 to 255 printable ASCII characters, the space included
	Name string // client_name, shown to people on the consent page

	ApplicationType string // Web or Native; empty is Web

	// AuthMethods are the values of token_endpoint_auth_method it may use. Empty
	// means client_secret_basic and client_secret_post. A public client, which
	// proves nothing, says so: MethodNone alone.
	AuthMethods []string
	// Secrets are valid side by side; each has its own life.
	Secrets []Secret

	// GrantTypes are the grants it may use; none by default. A client registered
	// for refresh_token gets a refresh token with every code and password grant,
	// whether it asks for offline_access or not; that scope will decide only
	// whether the grant outlives a sign-out.
	GrantTypes   []string
	RedirectURIs []string // matched exactly, but see MatchRedirectURI
	Scopes       []string // all it may ask for; an empty list is no scope at all
	// DefaultScopes are granted when a request names none; each must also stand
	// in Scopes. Empty: such a request gets a token without scopes.
	DefaultScopes []string
	// Resources are the resource indicators (RFC 8707) it may name. Empty: any
	// that the server knows.
	Resources []string

	// Principal is the service user that a client-credentials token of this
	// client acts as. Empty: the token's subject is the client itself.
	Principal string

	// FirstParty says that the operator owns the client and has consented for
	// its users: no consent page is shown.
	FirstParty bool
	// AllowedOrigins are the browser origins ("https://app.example") that may
	// call the token, introspection and revocation endpoints for this client.
	AllowedOrigins []string
	// Serves are the resource indicators whose resource server the client is: it
	// may introspect the tokens issued for them.
	Serves []string
	// IntrospectAny makes the client a resource server that may introspect every
	// token. Other clients may introspect their own, and those whose audience
	// they are or serve.
	IntrospectAny bool

	// Disabled makes the client, and every token it holds, as good as unknown.
	Disabled bool

	// InsecureWithoutPKCE lets a confidential client that cannot do PKCE use the
	// code flow without it (RFC 9700 §2.1.1).
	InsecureWithoutPKCE bool
	// InsecureRedirectSchemes allows redirect URIs of further schemes: "http" on
	// hosts other than loopback, or a private-use scheme without a dot.
	InsecureRedirectSchemes []string
}

// A Secret is one of a client's secrets as it is kept: a digest and its life.
type Secret struct {
	ID        string        // names the secret in logs and events; may be empty
	Digest    secret.Digest // see package secret
	NotBefore time.Time     // not valid before; zero: at once
	Expires   time.Time     // not valid at this time or after; zero: never
}

// Live reports whether s may be used at now.
func (s Secret) Live(now time.Time) bool {
	return !now.Before(s.NotBefore) && (s.Expires.IsZero() || now.Before(s.Expires))
}

// eternal reports whether s may be used at any time.
func (s Secret) eternal() bool { return s.NotBefore.IsZero() && s.Expires.IsZero() }

// Public reports whether the client cannot keep a secret (RFC 6749 §2.1).
func (c *Client) Public() bool {
	return len(c.AuthMethods) > 0 && !slices.ContainsFunc(c.AuthMethods, func(m string) bool { return m != MethodNone })
}

// MayAuthenticateBy reports whether the client registered the method.
func (c *Client) MayAuthenticateBy(method string) bool {
	if method == MethodNone {
		return c.Public() // one that registered a real method too must use it
	}
	if len(c.AuthMethods) > 0 {
		return slices.Contains(c.AuthMethods, method)
	}
	return method == MethodSecretBasic || method == MethodSecretPost
}

// MayUse reports whether the client registered the grant type.
func (c *Client) MayUse(grantType string) bool { return slices.Contains(c.GrantTypes, grantType) }

// MayAsk reports whether the client registered the scope.
func (c *Client) MayAsk(scope string) bool { return slices.Contains(c.Scopes, scope) }

// MayName reports whether the client may ask for a token for the resource.
func (c *Client) MayName(resource string) bool {
	return len(c.Resources) == 0 || slices.Contains(c.Resources, resource)
}

// AllowsOrigin reports whether scripts of the origin may call on behalf of the
// client. Origins are compared byte by byte; "null" never matches.
func (c *Client) AllowsOrigin(origin string) bool {
	return origin != "" && origin != "null" && slices.Contains(c.AllowedOrigins, origin)
}

// Native reports whether the client runs on a person's device (RFC 8252).
func (c *Client) Native() bool { return c.ApplicationType == Native }
