package grantor

import (
	"embed"
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"unicode"
)

// Pages answers interactions with a ready-made consent page, and sends people
// who must sign in to the host's own login page. Its Interact method is made for
// Config.Interact.
type Pages struct {
	// Login is the URL of the host's login page. It is opened with the query
	// parameter return_to, the URL to go to after the sign-in: check it with
	// [Server.Resumes]. For prompt=select_account the page is opened with
	// prompt=select_account too.
	Login string
	// Scopes says in words what a scope allows, by its value. A scope that is
	// not listed is shown as it is.
	Scopes map[string]string
	// Title names the product on the page. Empty: the issuer's host.
	Title string
}

//go:embed pages
var pageFiles embed.FS

var (
	pageTemplates = template.Must(template.New("").Funcs(template.FuncMap{"action": action}).ParseFS(pageFiles, "pages/*.html"))
	consentPage   = pageTemplates.Lookup("consent.html")
	formPostPage  = pageTemplates.Lookup("form_post.html")
	errorPage     = pageTemplates.Lookup("error.html")
)

// Interact sends the browser to the login page, or shows the consent page.
func (p Pages) Interact(w http.ResponseWriter, r *http.Request, in *Interaction) {
	switch in.Need {
	case NeedConsent:
		p.consent(w, r, in)
	default:
		if p.Login == "" {
			in.server.errorPage(w, r, in.Client, errNoLoginPage)
			return
		}
		q := url.Values{"return_to": {in.URL}}
		if in.Need == NeedAccount {
			q.Set("prompt", promptSelectAccount)
		}
		if in.LoginHint != "" {
			q.Set("login_hint", in.LoginHint)
		}
		separator := "?"
		if strings.Contains(p.Login, "?") {
			separator = "&"
		}
		http.Redirect(w, r, p.Login+separator+q.Encode(), http.StatusSeeOther)
	}
}

// errNoLoginPage is a mistake of the host.
var errNoLoginPage = errors.New("grantor: Pages.Login is empty; set the URL of your login page")

// consentData is what the consent page shows.
type consentData struct {
	Nonce, Title, Client, Host, Action, CSRF, Subject string
	Known                                             bool // the client has a name
	Local                                             bool // the answer goes to a program on the person's device
	Scopes                                            []scopeLine
	Resources                                         []string
}

// A scopeLine is one thing a client asks for.
type scopeLine struct{ Value, Words string }

// maxName bounds a client's name on the page, in characters.
const maxName = 80

func (p Pages) consent(w http.ResponseWriter, r *http.Request, in *Interaction) {
	d := consentData{
		Nonce: newNonce(), Title: p.Title, Client: printable(in.Client.Name), Host: in.RedirectHost,
		Action: in.URL, CSRF: in.CSRF, Subject: in.Session.Subject, Resources: in.Resources,
		Local: in.request.onDevice(),
	}
	d.Known = d.Client != ""
	if !d.Known {
		d.Client = in.Client.ID
	}
	if u, err := url.Parse(in.server.issuer); err == nil && d.Title == "" {
		d.Title = u.Host
	}
	for _, scope := range in.Scopes {
		words := p.Scopes[scope]
		if words == "" {
			words = scope
		}
		d.Scopes = append(d.Scopes, scopeLine{scope, words})
	}
	in.server.page(w, r, http.StatusOK, d.Nonce, consentPage, d)
}

// printable makes a name that a stranger chose harmless: no control, format,
// line-breaking or invisible characters, and not longer than a line. Empty: there
// is nothing to see.
func printable(name string) string {
	out := make([]rune, 0, min(len(name), maxName))
	for _, c := range name {
		if len(out) == maxName {
			return string(append(out[:maxName-1], '…'))
		}
		if isPlain(c) {
			out = append(out, c)
		}
	}
	return strings.TrimSpace(string(out))
}

// action makes a registered redirect URI the action of a form, byte by byte: the
// template would refuse its scheme, and normalise the rest.
func action(uri string) template.HTMLAttr {
	return template.HTMLAttr(`action="` + template.HTMLEscapeString(uri) + `"`)
}

// formPost is the page of response_mode=form_post.
type formPost struct {
	Nonce, Action string
	Parameters    []parameter
}

// problem is the error page.
type problem struct{ Nonce, Code, Description string }

// isPlain reports whether c can be seen, or is a space. Some letters, marks and
// symbols cannot, though Unicode counts them as printable.
func isPlain(c rune) bool {
	const brailleBlank = '\u2800'
	return unicode.IsPrint(c) && c != brailleBlank &&
		!unicode.In(c, unicode.Bidi_Control, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point)
}
