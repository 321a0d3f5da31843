package grantor_test

import (
	"crypto/rand"
	"fmt"
	"html"
	"html/template"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/grantor-go/grantor"
	"github.com/grantor-go/grantor/client"
	"github.com/grantor-go/grantor/pkce"
	"github.com/grantor-go/grantor/store/memory"
	"github.com/grantor-go/grantor/token"
)

// A Login is a sign-in page and the sessions of those who passed it.
type Login struct {
	Check  func(username, password string) (subject string, ok bool)
	Server *grantor.Server

	mu       sync.Mutex
	sessions map[string]*grantor.Session // by the value of the cookie
}

// Session is for Config.Session.
func (l *Login) Session(r *http.Request) (*grantor.Session, error) {
	c, err := r.Cookie("__Host-session")
	if err != nil {
		return nil, nil // nobody
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sessions[c.Value], nil
}

// ServeHTTP shows the form, and signs in whoever fills it in right.
func (l *Login) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	returnTo := r.FormValue("return_to")
	if !l.Server.Resumes(returnTo) {
		returnTo = "/" // or the page would send people wherever a link says
	}
	subject, ok := "", false
	if r.Method == http.MethodPost {
		subject, ok = l.Check(r.PostFormValue("username"), r.PostFormValue("password"))
	}
	if !ok {
		_ = loginPage.Execute(w, returnTo)
		return
	}
	cookie := rand.Text() // a new one at each sign-in
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sessions[cookie] = &grantor.Session{Subject: subject, AuthTime: time.Now()}
	http.SetCookie(w, &http.Cookie{
		Name: "__Host-session", Value: cookie, Path: "/",
		Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
	http.Redirect(w, r, returnTo, http.StatusSeeOther)
}

var loginPage = template.Must(template.New("").Parse(`<!DOCTYPE html><title>Sign in</title>
<form method="post"><input type="hidden" name="return_to" value="{{.}}">
<input name="username"><input name="password" type="password"><button>Sign in</button></form>`))

// newHost mounts the server and the host's own sign-in page beside it.
func newHost(issuer string, clients client.Source, check func(username, password string) (string, bool)) (http.Handler, error) {
	login := &Login{Check: check, sessions: map[string]*grantor.Session{}}
	server, err := grantor.New(grantor.Config{
		Issuer: issuer, Clients: clients, Store: memory.New(), Keys: &token.Ring{},
		Session:  login.Session,
		Interact: grantor.Pages{Login: "/login", Scopes: map[string]string{"read": "Read your notes"}}.Interact,
	})
	if err != nil {
		return nil, err
	}
	login.Server = server
	mux := http.NewServeMux()
	mux.Handle("/login", http.NewCrossOriginProtection().Handler(login))
	mux.Handle("/", server)
	return mux, nil
}

// A login page of the host's own takes people back to the authorization request
// that they came from; Pages does the rest of the conversation.
func ExamplePages() {
	site := httptest.NewUnstartedServer(nil)
	clients, err := client.NewStatic(client.Client{
		ID:           "notes",
		AuthMethods:  []string{client.MethodNone},
		GrantTypes:   []string{client.AuthorizationCode},
		RedirectURIs: []string{"https://notes.example/cb"},
		Scopes:       []string{"read"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	issuer := "https://" + site.Listener.Addr().String()
	check := func(username, password string) (string, bool) {
		return "user-1", username == "alice" && password == "wonderland"
	}
	if site.Config.Handler, err = newHost(issuer, clients, check); err != nil {
		fmt.Println(err)
		return
	}
	site.StartTLS()
	defer site.Close()

	// The browser opens the client's link, signs in and agrees.
	b := newWalker(site.Client())
	b.open(issuer + "/authorize?" + url.Values{
		"response_type": {"code"}, "client_id": {"notes"}, "redirect_uri": {"https://notes.example/cb"}, "scope": {"read"},
		"code_challenge": {pkce.Challenge(pkce.NewVerifier())}, "code_challenge_method": {"S256"},
	}.Encode())
	fmt.Println(b.at.Path)
	b.submit(b.at.String(), "return_to", b.value("return_to"), "username", "alice", "password", "wonderland")
	fmt.Println(b.at.Path, strings.Contains(b.page, "Read your notes"))
	b.submit(b.attribute(`action="`), "csrf", b.value("csrf"), "action", "approve")
	fmt.Println(b.at.Host, strings.HasPrefix(b.at.Query().Get("code"), "grantor_ac_"))
	// Output:
	// /login
	// /authorize/continue true
	// notes.example true
}

// A walker is a browser that stays away from the client's site.
type walker struct {
	client *http.Client
	at     *url.URL
	page   string
}

func newWalker(c *http.Client) *walker {
	b := &walker{client: c}
	b.client.Jar, _ = cookiejar.New(nil) // never fails
	b.client.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		b.at = r.URL
		if r.URL.Host == "notes.example" {
			return http.ErrUseLastResponse
		}
		return nil
	}
	return b
}

func (b *walker) open(link string) {
	r, err := http.NewRequest(http.MethodGet, link, nil)
	if err == nil {
		b.send(r)
	}
}

// submit posts a form of the page, as its browser would.
func (b *walker) submit(action string, fields ...string) {
	form := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	r, err := http.NewRequest(http.MethodPost, action, strings.NewReader(form.Encode()))
	if err == nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		b.send(r)
	}
}

func (b *walker) send(r *http.Request) {
	b.at, b.page = r.URL, ""
	res, err := b.client.Do(r)
	if err != nil {
		return
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	b.page = string(body)
}

// attribute is what follows prefix in the page, up to the next quotation mark.
func (b *walker) attribute(prefix string) string {
	_, after, _ := strings.Cut(b.page, prefix)
	value, _, _ := strings.Cut(after, `"`)
	return html.UnescapeString(value)
}

// value is the value of a hidden field.
func (b *walker) value(name string) string { return b.attribute(`name="` + name + `" value="`) }
