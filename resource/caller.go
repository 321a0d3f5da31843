package resource

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// callTimeout bounds one request to the authorization server.
const callTimeout = 5 * time.Second

// newCaller returns the client to ask the authorization server with: the host's
// own or one like the default, but one that stays where it was sent. A redirect
// would take credentials and trust elsewhere.
func newCaller(host *http.Client) *http.Client {
	c := http.Client{}
	if host != nil {
		c = *host
	}
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &c
}

// read sends the request and returns the body of a 200 answer of at most limit
// bytes. Anything else is an error that names neither the request's body nor the
// answer's.
func read(c *http.Client, r *http.Request, limit int64) ([]byte, http.Header, error) {
	res, err := c.Do(r)
	if err != nil {
		return nil, nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, nil, fmt.Errorf("%s answered with status %d", r.URL.Redacted(), res.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, limit+1))
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", r.URL.Redacted(), err)
	}
	if int64(len(body)) > limit {
		return nil, nil, fmt.Errorf("%s answered with more than %d bytes", r.URL.Redacted(), limit)
	}
	return body, res.Header, nil
}

// urlProblem says why an endpoint of the authorization server cannot be asked,
// or "".
func urlProblem(endpoint string, insecureHTTP bool) string {
	u, err := url.Parse(endpoint)
	switch {
	case endpoint == "":
		return "is empty"
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return "is not an absolute http(s) URL"
	case u.User != nil || strings.Contains(endpoint, "#"):
		return "has user information or a fragment; remove it"
	case u.Scheme == "http" && !loopback(u.Hostname()) && !insecureHTTP:
		return "is plain http on a host other than loopback; use https, or set InsecureAllowHTTP and accept that others may answer"
	}
	return ""
}
