# Prints the numbers of survival_in_r.json; needs the packages survival and TH.data.
library(survival)
data("GBSG2", package = "TH.data")
summary(coxph(Surv(time, status) ~ age + sex + ph.ecog, data = lung))
summary(coxph(Surv(time, status) ~ sex, data = lung))
survfit(Surv(time, status) ~ sex, data = lung)
survdiff(Surv(time, status) ~ sex, data = lung)
summary(coxph(Surv(time, cens) ~ ., data = GBSG2))
