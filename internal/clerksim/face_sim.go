package clerksim

import (
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// TokenRequest is the body of POST /sim/tokens.
type TokenRequest struct {
	TokenSpec
	// LifetimeSeconds is TokenSpec.Lifetime.
	LifetimeSeconds int `json:"lifetime_seconds,omitempty"`
	// Wrong names one of WrongTokens, or of OddGrants, to mint instead.
	Wrong string `json:"wrong,omitempty"`
}

// TokenAnswer is the answer. Claims are what the token says, where it is a good one.
type TokenAnswer struct {
	JWT    string         `json:"jwt"`
	Claims map[string]any `json:"claims,omitempty"`
}

// ListedToken is one of the answer to GET /sim/tokens/wrong.
type ListedToken struct {
	Name string `json:"name"`
	Why  string `json:"why"`
	// Permissions, where it is not null, are those that the token grants: it is odd, not wrong.
	Permissions []string `json:"permissions"`
}

const defaultLimit = 20

func (c *Clerk) addSim(mux *http.ServeMux) {
	mux.HandleFunc("POST /sim/tokens", c.serveToken)
	mux.HandleFunc("GET /sim/tokens/wrong", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, ListTokens()) })
	mux.HandleFunc("GET /sim/world", func(w http.ResponseWriter, r *http.Request) {
		limit, err := strconv.Atoi(r.URL.Query().Get("limit"))
		if err != nil || limit < 0 {
			limit = defaultLimit
		}
		answer(w, http.StatusOK, c.Sketch(limit))
	})
}

func (c *Clerk) serveToken(w http.ResponseWriter, r *http.Request) {
	var body TokenRequest
	if !read(w, r, &body) {
		return
	}
	if body.Wrong != "" {
		token, err := c.wrongToken(body.Wrong)
		settle(w, err, "", func() any { return TokenAnswer{JWT: token} })
		return
	}
	body.Lifetime = time.Duration(body.LifetimeSeconds) * time.Second
	claims, err := c.Claims(body.TokenSpec)
	if err != nil { // who asks here wants to know what was not found
		answerError(w, apiError{http.StatusUnprocessableEntity, "token_refused", err.Error(), nil})
		return
	}
	answer(w, http.StatusOK, TokenAnswer{JWT: c.Sign(nil, claims), Claims: claims})
}

func (c *Clerk) wrongToken(name string) (string, error) {
	for _, t := range WrongTokens() {
		if t.Name == name {
			return t.Mint(c), nil
		}
	}
	for _, t := range OddGrants() {
		if "odd-"+t.Name == name {
			return t.Mint(c), nil
		}
	}
	return "", fmt.Errorf("wrong token %q: %w", name, ErrNotFound)
}

// ListTokens are the wrong tokens and the odd ones by name.
func ListTokens() []ListedToken {
	var list []ListedToken
	for _, t := range WrongTokens() {
		list = append(list, ListedToken{Name: t.Name, Why: t.Why})
	}
	for _, t := range OddGrants() {
		list = append(list, ListedToken{Name: "odd-" + t.Name, Why: t.Why, Permissions: append([]string{}, t.Permissions...)})
	}
	return list
}
