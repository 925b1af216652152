package directory

import (
	"strings"
	"testing"
)

func TestErrorsNameNoAddress(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	d := b.shut(t, nil)
	secret := "ada-secret"
	errs := []error{
		second(d.UserByExternalID(t.Context(), secret)), second(d.OrganizationBySlug(t.Context(), secret)), second(d.OrganizationByDomain(t.Context(), secret)),
		second(d.EnterpriseConnectionForEmail(t.Context(), "x@"+secret)),
	}
	d.config.Pool.Close()
	errs = append(errs, second(d.UsersByEmail(t.Context(), secret)), second(d.UserByExternalID(t.Context(), secret+"2")))
	for i, err := range errs {
		if err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("error %d is %v", i, err)
		}
	}
}
