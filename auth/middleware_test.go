package auth_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/clerkstream/clerkstream/auth"
	"github.com/clerkstream/clerkstream/internal/clerksim"
)

// whoami is a handler that says who is calling.
func whoami(w http.ResponseWriter, r *http.Request) {
	if id, ok := auth.From(r.Context()); ok {
		fmt.Fprint(w, id.User)
		return
	}
	fmt.Fprint(w, "nobody")
}

func serve(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// A good token names the caller, none names nobody, and a bad one goes no further.
func TestMiddlewareNamesTheCaller(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	token := b.edited(t, map[string]any{"sub": "user_2mine"})
	var log bytes.Buffer
	with := auth.Middleware(b.verifier(t), auth.WithLog(slog.New(slog.NewJSONHandler(&log, nil))))
	open, closed := with(http.HandlerFunc(whoami)), with(auth.Require(http.HandlerFunc(whoami)))

	if w := serve(open, sent(http.MethodGet, "Authorization", "Bearer "+token)); w.Body.String() != "user_2mine" {
		t.Errorf("answered %d %s", w.Code, w.Body)
	}
	if w := serve(closed, sent(http.MethodGet, "Authorization", "Bearer "+token)); w.Body.String() != "user_2mine" {
		t.Errorf("answered %d %s", w.Code, w.Body)
	}
	if w := serve(open, sent(http.MethodGet)); w.Body.String() != "nobody" {
		t.Errorf("without a token answered %d %s", w.Code, w.Body)
	}
	if log.Len() > 0 {
		t.Errorf("logged %s", &log)
	}
	isProblem(t, serve(closed, sent(http.MethodGet)), 401, auth.CodeTokenMissing, "Bearer")
	forged := token[:len(token)-4] + "AAAA"
	for _, h := range []http.Handler{open, closed} {
		w := serve(h, sent(http.MethodGet, "Authorization", "Bearer "+forged))
		isProblem(t, w, 401, auth.CodeSignatureInvalid, `Bearer error="invalid_token", error_description="signature_invalid"`)
	}
	if !strings.Contains(log.String(), `"code":"signature_invalid"`) || strings.Contains(log.String(), forged[:40]) || strings.Contains(log.String(), "user_2mine") {
		t.Errorf("logged %s", &log)
	}
}

// isProblem checks the whole form of an answer (RFC 9457, RFC 6750).
func isProblem(t *testing.T, w *httptest.ResponseRecorder, status int, code auth.Code, challenge string) {
	t.Helper()
	var p struct {
		Title, Detail string
		Status        int
		Code          auth.Code
	}
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
		t.Fatalf("answered %d %s: %v", w.Code, w.Body, err)
	}
	h := w.Header()
	if w.Code != status || p.Status != status || p.Code != code || p.Title != http.StatusText(status) || p.Detail == "" ||
		h.Get("Content-Type") != "application/problem+json" || h.Get("Cache-Control") != "no-store" || h.Get("WWW-Authenticate") != challenge {
		t.Errorf("answered %d %v %s, want %d %s", w.Code, h, w.Body, status, code)
	}
}

type permissions map[string]error

func (p permissions) HasPermission(_ context.Context, org, user, permission string) (bool, error) {
	err, has := p[org+" "+user+" "+permission]
	return has && err == nil, err
}

// Each of the guards lets through whom it should, and tells the others why not.
func TestGuardsLetThroughWhomTheyShould(t *testing.T) {
	t.Parallel()
	member := &auth.Identity{
		User: "user_2a", Session: "sess_2a", Org: "org_2a", Role: "org:member", Permissions: []string{"org:orders:create"},
		Factors: auth.Factors{First: time.Now().Add(-5 * time.Minute)},
	}
	oldAdmin := &auth.Identity{User: "user_2b", Org: "org_2a", Role: "admin"}
	alone := &auth.Identity{User: "user_2c", Permissions: []string{"org:orders:create"}} // which no token says
	reader := permissions{"org_2a user_2a org:sys_memberships:read": nil, "org_2a user_2b org:sys_memberships:read": errors.New("no database")}

	guards := map[string]func(http.Handler) http.Handler{
		"signed in":       auth.Require,
		"organization":    auth.RequireOrg,
		"admin":           auth.RequireRole("org:admin"),
		"admin or member": auth.RequireRole("org:admin", "org:member"),
		"no role":         auth.RequireRole(),
		"may create":      auth.RequirePermission("org:orders:create"),
		"may delete":      auth.RequirePermission("org:orders:delete"),
		"may nothing":     auth.RequirePermission(""),
		"reads members":   auth.RequirePermissionIn(reader, "org:sys_memberships:read"),
		"changes members": auth.RequirePermissionIn(reader, "org:sys_memberships:manage"),
		"fresh":           auth.RequireFresh(10*time.Minute, auth.FirstFactor),
		"just fresh":      auth.RequireFresh(4*time.Minute, auth.FirstFactor),
		"fresh twice":     auth.RequireFresh(10*time.Minute, auth.MultiFactor),
	}
	const org, role, permission, fresh = auth.CodeOrgRequired, auth.CodeRoleRequired, auth.CodePermissionRequired, auth.CodeFreshRequired
	for name, want := range map[string][3]auth.Code{ // for the member, the admin, who is alone
		"signed in":       {"", "", ""},
		"organization":    {"", "", org},
		"admin":           {role, "", org},
		"admin or member": {"", "", org},
		"no role":         {role, role, org},
		"may create":      {"", permission, org},
		"may delete":      {permission, permission, org},
		"may nothing":     {permission, permission, org},
		"reads members":   {"", auth.CodePermissionsUnavailable, org},
		"changes members": {permission, permission, org},
		"fresh":           {"", fresh, fresh},
		"just fresh":      {fresh, fresh, fresh},
		"fresh twice":     {fresh, fresh, fresh},
	} {
		h := guards[name](http.HandlerFunc(whoami))
		for i, id := range []*auth.Identity{member, oldAdmin, alone} {
			r := sent(http.MethodGet)
			w := serve(h, r.WithContext(auth.With(r.Context(), id)))
			if want[i] == "" {
				if w.Body.String() != id.User {
					t.Errorf("%s: %s is answered %d %s", name, id.User, w.Code, w.Body)
				}
				continue
			}
			status := 403
			if want[i] == auth.CodePermissionsUnavailable {
				status = 503
			}
			isProblem(t, w, status, want[i], challengeOf(want[i], name))
		}
		isProblem(t, serve(h, sent(http.MethodGet)), 401, auth.CodeTokenMissing, "Bearer")
	}
}

func challengeOf(code auth.Code, guard string) string {
	switch {
	case code == auth.CodePermissionsUnavailable:
		return ""
	case code == auth.CodeFreshRequired && guard == "just fresh":
		return `Bearer error="insufficient_user_authentication", error_description="fresh_required", max_age="240"`
	case code == auth.CodeFreshRequired:
		return `Bearer error="insufficient_user_authentication", error_description="fresh_required", max_age="600"`
	default:
		return fmt.Sprintf(`Bearer error="insufficient_scope", error_description=%q`, code)
	}
}

// Clerk's useReverification asks the user again when an answer holds just this.
func TestWhoIsNotFreshIsToldInClerksWords(t *testing.T) {
	t.Parallel()
	for level, want := range map[auth.Level]string{
		auth.FirstFactor:     `{"type":"forbidden","reason":"reverification-error","metadata":{"reverification":{"level":"first_factor","afterMinutes":2}}}`,
		auth.MultiFactor:     `{"type":"forbidden","reason":"reverification-error","metadata":{"reverification":{"level":"multi_factor","afterMinutes":2}}}`,
		auth.StrongestFactor: `{"type":"forbidden","reason":"reverification-error","metadata":{"reverification":{"level":"second_factor","afterMinutes":2}}}`,
	} {
		r := sent(http.MethodPost)
		w := serve(auth.RequireFresh(90*time.Second, level)(http.HandlerFunc(whoami)), r.WithContext(auth.With(r.Context(), &auth.Identity{})))
		var answer struct {
			Clerk json.RawMessage `json:"clerk_error"`
		}
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || string(answer.Clerk) != want {
			t.Errorf("%s: answered %s", level, w.Body)
		}
	}
}

// Every code has words of its own, is fit for a header and a label, and tells neither the cause nor more than one thing.
func TestEveryRefusalIsAProblemOfItsOwn(t *testing.T) {
	t.Parallel()
	form := regexp.MustCompile(`^[a-z]+(_[a-z]+)*$`)
	seen := map[string]auth.Code{}
	for _, code := range auth.Codes() {
		err := auth.Refuse(code, errors.New("a secret"))
		w := httptest.NewRecorder()
		auth.WriteProblem(w, sent(http.MethodGet), fmt.Errorf("around: %w", err))
		var p struct{ Detail string }
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
			t.Fatal(err)
		}
		if !form.MatchString(string(code)) || p.Detail == "" || w.Code != err.Status || w.Code < 400 {
			t.Errorf("%s: answered %d %s", code, w.Code, w.Body)
		}
		if other, taken := seen[p.Detail]; taken {
			t.Errorf("%s and %s have the same words", code, other)
		}
		seen[p.Detail] = code
		if strings.Contains(w.Body.String()+fmt.Sprint(w.Header())+err.Error(), "secret") {
			t.Errorf("%s tells its cause: %v %s", code, w.Header(), w.Body)
		}
		if w.Code >= 500 && w.Header().Get("WWW-Authenticate") != "" {
			t.Errorf("%s: a challenge where none helps", code)
		}
		if w.Code == 401 && w.Header().Get("WWW-Authenticate") == "" || w.Code == 503 && w.Header().Get("Retry-After") == "" {
			t.Errorf("%s: answered without what its status demands: %v", code, w.Header())
		}
	}
	if !slices.Contains(auth.Codes(), auth.CodeInternal) {
		t.Error("there are no words for our own fault")
	}
}

func TestWhatIsNoRefusalIsOurOwnFault(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	auth.WriteProblem(w, sent(http.MethodGet), errors.New("a secret"))
	isProblem(t, w, 500, auth.CodeInternal, "")
	head := httptest.NewRecorder()
	auth.WriteProblem(head, sent(http.MethodHead), auth.Refuse(auth.CodeTokenExpired, nil))
	if head.Code != 401 || head.Body.Len() > 0 {
		t.Errorf("HEAD is answered %d %s", head.Code, head.Body)
	}
	w = httptest.NewRecorder()
	auth.WriteProblem(w, sent(http.MethodGet), auth.Refuse("a_code_of_yours", nil))
	if w.Code != 401 || !strings.Contains(w.Body.String(), `"code":"a_code_of_yours"`) {
		t.Errorf("a code of the caller's own is answered %d %s", w.Code, w.Body)
	}
	for _, status := range []int{400, 403, 409} {
		w = httptest.NewRecorder()
		auth.WriteProblem(w, sent(http.MethodGet), &auth.Error{Code: "order_closed", Status: status})
		if w.Code != status || w.Header().Get("WWW-Authenticate") != "" {
			t.Errorf("what is not about tokens is answered %d %v", w.Code, w.Header())
		}
	}
}

type broken struct{}

func (broken) Authenticate(*http.Request) (*auth.Identity, error) { return nil, errors.New("a secret") }

func TestAnAuthenticatorThatFailsLetsNobodyThrough(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	h := auth.Middleware(broken{}, auth.WithLog(slog.New(slog.NewTextHandler(&log, nil))))(http.HandlerFunc(whoami))
	isProblem(t, serve(h, sent(http.MethodGet)), 500, auth.CodeInternal, "")
	if !strings.Contains(log.String(), "level=ERROR") || !strings.Contains(log.String(), "a secret") {
		t.Errorf("logged %s", &log)
	}
}

func TestRefusalsAreComparedByCode(t *testing.T) {
	t.Parallel()
	err := fmt.Errorf("around: %w", auth.Refuse(auth.CodeTokenExpired, context.Canceled))
	if !errors.Is(err, auth.Refuse(auth.CodeTokenExpired, nil)) || errors.Is(err, auth.Refuse(auth.CodeTokenMissing, nil)) || !errors.Is(err, context.Canceled) {
		t.Errorf("%v is not what it is", err)
	}
	if auth.CodeOf(err) != auth.CodeTokenExpired || auth.CodeOf(nil) != "" || auth.CodeOf(context.Canceled) != auth.CodeInternal {
		t.Error("codes are not told")
	}
}

type revocations func(*auth.Identity) error

func (f revocations) Check(_ context.Context, id *auth.Identity) error { return f(id) }

// What happened since a token was issued has the last word, and is asked only about tokens that are otherwise good.
func TestRevocationsHaveTheLastWord(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	asked := 0
	var answer error
	v := b.verifier(t, func(cfg *auth.Config) {
		cfg.Revocations = revocations(func(*auth.Identity) error { asked++; return answer })
	})
	good := b.token(t, clerksim.TokenSpec{})
	accept(t, v, good)
	answer = auth.Refuse(auth.CodeUserBanned, nil)
	refuse(t, v, good, auth.CodeUserBanned)
	answer = errors.New("no database")
	refuse(t, v, good, auth.CodeFreshnessUnknown)
	for _, w := range clerksim.WrongTokens() {
		if slices.Contains([]string{"expired", "pending", "party-other", "key-of-other-instance", "template", "org-twice", "hex"}, w.Name) {
			if _, err := v.Verify(t.Context(), w.Mint(b.Clerk)); err == nil {
				t.Errorf("%s was accepted", w.Name)
			}
		}
	}
	if asked != 3 {
		t.Errorf("asked %d times about 3 good tokens", asked)
	}
}

func TestAContextCarriesOneIdentityOrNone(t *testing.T) {
	t.Parallel()
	if id, ok := auth.From(t.Context()); ok || id != nil {
		t.Errorf("an empty context carries %v", id)
	}
	if _, ok := auth.From(auth.With(t.Context(), nil)); ok {
		t.Error("nobody counts as somebody")
	}
	want := &auth.Identity{User: "user_2a"}
	if got, ok := auth.From(auth.With(t.Context(), want)); !ok || got != want {
		t.Errorf("got %v", got)
	}
}
