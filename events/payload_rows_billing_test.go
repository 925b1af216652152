package events_test

import (
	"testing"

	"github.com/clerkstream/clerkstream/events"
)

const (
	subID    = "csub_3BCdJo1cELaBmQVeHB2NuYGKNl3"
	sourceID = "cps_3BoRYDqe6WKb1MfIBBwvyhSlz7f"
)

// mills is the organization that pays; the user's side of the payer is an empty string.
var mills = events.Payer{ID: payerID, OrganizationID: orgID}

var tomaszPays = events.Payer{ID: "cpayer_3BUserPayer000000000000001", UserID: tomaszID}

func billingRows(t *testing.T) []decoding {
	created := t0 + 3_600_500
	return append(itemRows(t), append(paymentRows(t),
		reads("subscription.updated", events.Subscription{
			ID: subID, Status: "active", PayerID: payerID, Payer: mills, PaymentSourceID: sourceID,
			LatestPaymentID: "cpa_3BPayment00000000000000001", ActiveAt: created, CreatedAt: created, UpdatedAt: t0 + 5*day,
		}),
		reads("subscription.updated.ended", events.Subscription{
			ID: subID, Status: "ended", PayerID: payerID, Payer: mills,
			ActiveAt: created, CanceledAt: t0 + 38*day, EndedAt: t0 + 40*day, CreatedAt: created, UpdatedAt: t0 + 40*day,
		}),
		reads("subscription.pastDue", events.Subscription{
			ID: subID, Status: "past_due", PayerID: payerID, Payer: mills, PaymentSourceID: sourceID,
			ActiveAt: created, PastDueAt: t0 + 36*day, CreatedAt: created, UpdatedAt: t0 + 36*day,
		}),
		reads("subscription.created.user-payer", events.Subscription{
			ID: "csub_3BUserSub0000000000000001", Status: "active", PayerID: tomaszPays.ID, Payer: tomaszPays,
			ActiveAt: created, CreatedAt: created, UpdatedAt: t0 + day,
		}),
		reads("subscription.created.payer-side-missing", events.Subscription{
			ID: subID, Status: "active", PayerID: payerID, Payer: mills, ActiveAt: created, CreatedAt: created, UpdatedAt: t0 + day,
		}),
		reads("subscription.created.no-payer-id", events.Subscription{
			ID: subID, Status: "active", PayerID: payerID, Payer: mills, ActiveAt: created, CreatedAt: created, UpdatedAt: t0 + day,
		}),
	)...)
}

func itemRows(t *testing.T) []decoding {
	const itemID, planID = "csub_item_3Bzc1Axz0ImzTHAKamrMmACMnGc", "cplan_3B5B75qgKJRWBgZl5XvqFIwMftz"
	return []decoding{
		reads("subscriptionItem.freeTrialEnding", events.SubscriptionItem{
			ID: itemID, SubscriptionID: subID, Payer: mills, Status: "active", IsFreeTrial: true,
			PlanID: planID, Plan: member(t, "subscriptionItem.freeTrialEnding", "plan"), Interval: "month",
			PeriodStart: t0 + 5*day, PeriodEnd: t0 + 35*day, Seats: events.JSON(`{"quantity":12}`),
			CreatedAt: t0 + 5*day, UpdatedAt: t0 + 21*day,
		}),
		reads("subscriptionItem.active.seats-null", events.SubscriptionItem{
			ID: itemID, SubscriptionID: subID, Payer: mills, Status: "active", PlanID: planID,
			Plan: member(t, "subscriptionItem.active", "plan"), Interval: "month", PeriodStart: t0 + 5*day, PeriodEnd: t0 + 35*day,
			Seats: events.JSON(`{"quantity":null}`), CreatedAt: t0 + 5*day, UpdatedAt: t0 + 5*day,
		}),
		reads("subscriptionItem.updated.few-fields", events.SubscriptionItem{
			ID: itemID, SubscriptionID: subID, Status: "active", PeriodStart: t0 + 5*day, CreatedAt: t0 + 5*day, UpdatedAt: t0 + 5*day,
		}),
	}
}

func paymentRows(t *testing.T) []decoding {
	const name = "paymentAttempt.updated.failed"
	failed := events.PaymentAttempt{
		ID: "cpa_3BPayment00000000000000001", PaymentID: "cpayment_3BPayment0000000000001",
		StatementID: "stmt_3BStatement00000000000001", GatewayExternalID: "pi_EXAMPLE0000000000000042",
		Status: "failed", ChargeType: "recurring", Payer: mills, BillingDate: t0 + 5*day, FailedAt: t0 + 5*day + 880,
		FailedReason: events.JSON(`{"code":"card_declined","decline_code":"insufficient_funds"}`),
		Totals:       member(t, name, "totals"), PaymentSource: member(t, name, "payment_source"), Payee: member(t, name, "payee"),
		SubscriptionItems: member(t, name, "subscription_items"), CreatedAt: t0 + 5*day, UpdatedAt: t0 + 5*day + 900,
	}
	paid := failed
	paid.Status, paid.ChargeType, paid.FailedAt, paid.FailedReason, paid.PaidAt = "paid", "checkout", 0, nil, t0+5*day+880

	renamed := failed
	renamed.Status, renamed.Type, renamed.FailedAt, renamed.FailedReason, renamed.UpdatedAt = "pending", "recurring", 0, nil, t0+5*day

	bare := renamed
	bare.ID, bare.Type, bare.ChargeType, bare.Payer = "pa_3BOtherPrefix0000000000001", "", "checkout", tomaszPays
	bare.Totals, bare.PaymentSource, bare.SubscriptionItems, bare.InvoiceID = nil, nil, events.JSON(`[]`), "inv_3BDeprecated000000000000001"
	return []decoding{
		reads(name, failed),
		reads("paymentAttempt.updated", paid),
		reads("paymentAttempt.created.type-for-charge-type", renamed),
		reads("paymentAttempt.created.payer-side-missing", bare),
	}
}
