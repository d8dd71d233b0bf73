package packet

// The Property Identifiers of [v5 2.2.2.2].
const (
	PropPayloadFormatIndicator          PropID = 1
	PropMessageExpiryInterval           PropID = 2
	PropContentType                     PropID = 3
	PropResponseTopic                   PropID = 8
	PropCorrelationData                 PropID = 9
	PropSubscriptionIdentifier          PropID = 11
	PropSessionExpiryInterval           PropID = 17
	PropAssignedClientIdentifier        PropID = 18
	PropServerKeepAlive                 PropID = 19
	PropAuthenticationMethod            PropID = 21
	PropAuthenticationData              PropID = 22
	PropRequestProblemInformation       PropID = 23
	PropWillDelayInterval               PropID = 24
	PropRequestResponseInformation      PropID = 25
	PropResponseInformation             PropID = 26
	PropServerReference                 PropID = 28
	PropReasonString                    PropID = 31
	PropReceiveMaximum                  PropID = 33
	PropTopicAliasMaximum               PropID = 34
	PropTopicAlias                      PropID = 35
	PropMaximumQoS                      PropID = 36
	PropRetainAvailable                 PropID = 37
	PropUserProperty                    PropID = 38
	PropMaximumPacketSize               PropID = 39
	PropWildcardSubscriptionAvailable   PropID = 40
	PropSubscriptionIdentifierAvailable PropID = 41
	PropSharedSubscriptionAvailable     PropID = 42
)
