package clerksim

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	svix "github.com/svix/svix-webhooks/go"
)

// Sign returns the three headers of a delivery (svix-id, svix-timestamp in unix seconds, svix-signature) as Svix sends them, made by Svix'
// own library. secret is whsec_… and base64. An empty one is refused, for the library would sign under it.
func Sign(secret string, id string, at time.Time, body []byte) (http.Header, error) {
	s, err := newSigner(secret)
	if err != nil {
		return nil, err
	}
	return s.sign(id, at, body)
}

type signer struct{ webhook *svix.Webhook }

func newSigner(secret string) (*signer, error) {
	if secret == "" || secret == "whsec_" {
		return nil, errors.New("signing secret is empty")
	}
	webhook, err := svix.NewWebhook(secret)
	if err != nil {
		return nil, fmt.Errorf("signing secret is not whsec_ and base64: %w", err)
	}
	return &signer{webhook}, nil
}

func (s *signer) sign(id string, at time.Time, body []byte) (http.Header, error) {
	signature, err := s.webhook.Sign(id, at, body)
	if err != nil {
		return nil, fmt.Errorf("sign %s: %w", id, err)
	}
	h := make(http.Header, 5)
	h.Set("svix-id", id)
	h.Set("svix-timestamp", strconv.FormatInt(at.Unix(), 10))
	h.Set("svix-signature", signature)
	return h, nil
}
