package events

import "encoding/json"

// ExactPayload is Payload with the standard decoder for all but the lists, which decode themselves.
func ExactPayload[T any](e *Event) (T, error) {
	var body struct {
		Data T `json:"data"`
	}
	if err := json.Unmarshal(e.Body, &body); err != nil {
		return body.Data, err
	}
	if n, ok := any(&body.Data).(normalizer); ok {
		n.normalize(e)
	}
	return body.Data, nil
}

// Ranks are the verbs of each object.
func Ranks() map[string]map[string]int { return ranks }
