package resource

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/grantor-go/grantor/token"
)

// maxAnswer bounds an introspection response, in bytes.
const maxAnswer = 64 << 10

// IntrospectionConfig is what an Introspection needs to know. Endpoint, Issuer,
// ClientID and ClientSecret are required.
type IntrospectionConfig struct {
	// Endpoint is the authorization server's introspection_endpoint, an https URL.
	Endpoint string
	// Issuer is the issuer identifier of the authorization server. An answer that
	// names another one is not believed.
	Issuer string

	// ClientID and ClientSecret are what the API authenticates with, by
	// client_secret_basic. The client must be registered with Client.Serves
	// naming this API's resource, or with IntrospectAny: to any other client every
	// token of somebody else looks dead. The secret is not printed with the rest.
	ClientID     string
	ClientSecret string

	// Client asks the authorization server. Nil: one like http.DefaultClient.
	// Redirects are not followed, and a question is given up after 5 seconds.
	Client *http.Client

	// CacheTTL is how long the answer about a live token is used again: so much
	// longer a revoked one may work. At most a minute; zero: every token is asked
	// about every time. At most 4096 answers are kept.
	CacheTTL time.Duration

	// InsecureAllowHTTP allows an Endpoint that is http on a host other than
	// loopback. Tokens and the client secret can then be read on the way.
	InsecureAllowHTTP bool

	// Now is the clock. Nil: time.Now.
	Now func() time.Time
}

// Format prints the endpoint and the client, never the secret, whatever the verb.
func (c IntrospectionConfig) Format(w fmt.State, _ rune) {
	_, _ = io.WriteString(w, "resource.IntrospectionConfig("+c.ClientID+" at "+c.Endpoint+")")
}

func (c *IntrospectionConfig) validate() error {
	var problems []error
	say := func(format string, args ...any) {
		problems = append(problems, fmt.Errorf("resource: IntrospectionConfig."+format, args...))
	}
	if problem := urlProblem(c.Endpoint, c.InsecureAllowHTTP); problem != "" {
		say("Endpoint %s", problem)
	}
	if c.Issuer == "" {
		say("Issuer is empty; set the issuer identifier of the authorization server")
	}
	if c.ClientID == "" || c.ClientSecret == "" {
		say("ClientID or ClientSecret is empty; the endpoint answers only clients it knows (RFC 7662 §2.1)")
	}
	const most = time.Minute
	if c.CacheTTL < 0 || c.CacheTTL > most {
		say("CacheTTL is %v; use a duration between 0 and %v", c.CacheTTL, most)
	}
	return errors.Join(problems...)
}

// An Introspection verifies access tokens of any format by asking the
// authorization server about them, RFC 7662. Make one with [NewIntrospection].
type Introspection struct {
	endpoint     string
	issuer       string
	authenticate func(*http.Request) // a function, because nothing that prints values looks into one
	client       *http.Client
	cache        answers
	now          func() time.Time
}

// NewIntrospection returns a verifier, or every problem of the configuration,
// joined. It asks nothing yet.
func NewIntrospection(c IntrospectionConfig) (*Introspection, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	// RFC 6749 §2.3.1: both are form-encoded before Basic encodes them.
	id, secret := url.QueryEscape(c.ClientID), url.QueryEscape(c.ClientSecret)
	return &Introspection{
		endpoint: c.Endpoint, issuer: c.Issuer,
		authenticate: func(r *http.Request) { r.SetBasicAuth(id, secret) },
		client:       newCaller(c.Client),
		cache:        answers{ttl: c.CacheTTL},
		now:          c.Now,
	}, nil
}

// Verify asks about the token. That it is not live is oautherr.InvalidToken; an
// authorization server that cannot be reached, that refuses the API's own
// credentials or whose answer makes no sense is any other error.
func (i *Introspection) Verify(ctx context.Context, accessToken string) (token.Claims, error) {
	sum := sha256.Sum256([]byte(accessToken))
	if c, ok := i.cache.find(sum, i.now()); ok {
		return c, nil
	}
	body, err := i.ask(ctx, accessToken)
	if err != nil {
		return token.Claims{}, fmt.Errorf("resource: introspection: %w", err)
	}
	now := i.now()
	c, err := readAnswer(body, i.issuer, now)
	if err == nil {
		i.cache.keep(sum, c, now)
	}
	return c, err
}

// ask sends the introspection request, RFC 7662 §2.1.
func (i *Introspection) ask(ctx context.Context, accessToken string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	form := url.Values{"token": {accessToken}, "token_type_hint": {"access_token"}}.Encode()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, i.endpoint, strings.NewReader(form))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Accept", "application/json")
	i.authenticate(r)
	body, _, err := read(i.client, r, maxAnswer)
	return body, err
}
