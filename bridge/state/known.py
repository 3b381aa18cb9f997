"""The words that evcc's own MQTT tree is made of, today's and those of releases since 2021.

A leaf whose words are all here was evcc's, and may be erased when evcc has it no longer; anything else below
the root is somebody's own.
"""


def words(text: str) -> frozenset[str]:
    """A table of words, written as text."""
    return frozenset(text.split())


VEHICLE_STATUS = ("soc", "range", "odometer", "vehicleLimitSoc", "updated")
"""What there is below a vehicle beside evcc's state, where vehicles that are not connected are asked."""

KEYS: dict[str, frozenset[str]] = {
    "site": words("""
            apiReady aux auxPower availableVersion battery batteryCapacity batteryConfigured
            batteryDischargeControl batteryEnergy batteryGridChargeActive batteryGridChargeLimit
            batteryGridDischarge batteryMode batteryModeExternal batteryPower batterySoC batterySoc
            bufferSoC bufferSoc bufferStartSoC bufferStartSoc circuits consumers currency demoMode evopt
            evopt-batteries experimental ext fatal forecast greenShareHome greenShareLoadpoints grid
            gridConfigured gridCurrents gridEnergy gridExportLimit gridPower gridPowers hasUpdater hems
            historyUpdated homePower interval optimizer optimizerChargingStrategies
            optimizerChargingStrategy prioritySoC prioritySoc pv pvConfigured pvEnergy pvPower residualPower
            savings setupRequired siteTitle smartCostActive smartCostAvailable smartCostLimit smartCostType
            smartFeedInPriorityAvailable solarAdjusted startupCompleted statistics system tariffCo2
            tariffCo2Home tariffCo2Loadpoints tariffEffectiveCo2 tariffEffectivePrice tariffFeedIn
            tariffGrid tariffPriceHome tariffPriceLoadpoints tariffSolar tariffTemperature telemetry
            timezone uploadMessage uploadProgress vehicleApi version
        """)
    # configuration, which the bridge keeps back and evcc's own MQTT may have left behind
    | words("""
            auth authDisabled authProviders config database deviceColors eebus influx log mcp messaging
            messagingEvents modbusproxy mqtt network ocpp ocppforwarder releaseNotes remote shm sponsor
            tariffs
        """),
    "loadpoints": words("""
            activePhases alwaysCharge batteryBoost batteryBoostLimit boost chargeConfigured chargeCurrent
            chargeCurrents chargedEnergy chargedPower chargeDuration chargeEstimate chargePower
            chargeRemainingDuration chargeRemainingEnergy chargerFeatureAutodetectDisabled
            chargerFeatureAverage chargerFeatureCacheable chargerFeatureClimaterDisabled
            chargerFeatureCoarseCurrent chargerFeatureContinuous chargerFeatureHeating
            chargerFeatureIntegratedDevice chargerFeatureOffline chargerFeatureRetryable
            chargerFeatureStreaming chargerFeatureSwitchDevice chargerFeatureWakeUpDisabled
            chargerFeatureWelcomeCharge chargerIcon chargerPhases1p3p chargerPhysicalPhases
            chargerSinglePhase chargerStatusReason chargeTotalImport chargeVoltages charging climater
            connected connectedDuration disableDelay disableThreshold effectiveLimitSoc effectiveMaxCurrent
            effectiveMinCurrent effectiveMinSoc effectivePlanId effectivePlanSoc effectivePlanStrategy
            effectivePlanTime effectivePriority enabled enableDelay enableThreshold guardAction
            guardRemaining hasVehicle last24hEnergy last7dEnergy limitEnergy limitSoc maxCurrent minCurrent
            minSoC minSoc minSocNotReached mode name offeredCurrent phaseAction phaseRemaining phases
            phasesActive phasesConfigured phasesEnabled plan planActive planDetails planEnergy planOverrun
            planProjectedEnd planProjectedStart planSoc planStrategy planTime priority pvAction pvRemaining
            pvTimer range remoteDisabled remoteDisabledSource sessionCo2PerKWh sessionEnergy sessionPrice
            sessionPricePerKWh sessionSolarPercentage smartCostActive smartCostLimit smartCostNextStart
            smartCostType smartFeedInPriorityActive smartFeedInPriorityLimit smartFeedInPriorityNextStart
            soc socCharge solarShare suggestion targetEnergy targetSoC targetSoc targetTime targetTimeActive
            targetTimeHourSuggestion targetTimeProjectedStart title todayEnergy ui vehicleCapacity
            vehicleClimaterActive vehicleDetectionActive vehicleFeatureOffline vehicleIcon vehicleIdentity
            vehicleLimitSoc vehicleMinSoc vehicleName vehicleOdometer vehiclePresent vehicleRange vehicles
            vehicleSoC vehicleSoc vehicleTargetSoC vehicleTargetSoc vehicleTargetTime vehicleTitle
            vehicleWelcomeActive
        """),
    "vehicles": words("""
            capacity features icon limitSoc maxCurrent minCurrent minSoc minSoC mode odometer onIdentify phases plan
            plans planStrategy priority range repeatingPlans title
        """),
}

LEAVES = words(
    """
    30d 365d action actionable active activePhases alwaysCharge apiReady asleep auth authDisabled authenticated
    authProviders aux auxPower availableVersion avgCo2 avgPrice battery batteryBoost batteryBoostLimit
    batteryCapacity batteryConfigured batteryDischargeControl batteryEnergy batteryGridChargeActive
    batteryGridChargeLimit batteryGridDischarge batteryMode batteryModeExternal batteryPower batterySoC batterySoc
    baudrate boost broker bufferSoC bufferSoc bufferStartSoC bufferStartSoc caCert capacity certificate charge
    chargeConfigured chargeCurrent chargeCurrents chargedEnergy chargedKWh chargedPower chargeDuration
    chargeEstimate chargePower chargeRemainingDuration chargeRemainingEnergy chargerFeatureAutodetectDisabled
    chargerFeatureAverage chargerFeatureCacheable chargerFeatureClimaterDisabled chargerFeatureCoarseCurrent
    chargerFeatureContinuous chargerFeatureHeating chargerFeatureIntegratedDevice chargerFeatureOffline
    chargerFeatureRetryable chargerFeatureStreaming chargerFeatureSwitchDevice chargerFeatureWakeUpDisabled
    chargerFeatureWelcomeCharge chargerIcon chargerId chargerPhases1p3p chargerPhysicalPhases chargerSinglePhase
    chargerStatusReason chargeTotalImport chargeVoltages charging circuits class clientCert clientID clientKey
    climater co2 color complete comset config configured connect connected connectedDuration consumers continuous
    controllable currency current currents curtailed database dayAfterTomorrow demoMode device deviceColors deviceId
    devices deviceSerial dimmed disabled disableDelay disableThreshold discharge disconnect eebus effectiveLimitSoc
    effectiveMaxCurrent effectiveMinCurrent effectiveMinSoc effectivePlanId effectivePlanSoc effectivePlanStrategy
    effectivePlanTime effectivePriority enabled enableDelay enableThreshold end energy error evopt evopt-batteries
    excessDCPower experimental expiresAt expiresSoon ext externalUrl fatal features feedIn feedin forecast
    greenShareHome greenShareLoadpoints grid gridConfigured gridCurrents gridEnergy gridExportLimit gridPower
    gridPowers guardAction guardRemaining guest hasUpdater hasVehicle hems highest historyUpdated homePower host
    icon id influx insecure interfaces internalUrl interval l1 l2 l3 last24hEnergy last7dEnergy lastSeen level limit
    limitEnergy limitSoc loadpoints log loginBlocked lowest maxConsumptionPower maxCurrent maxPower
    maxProductionPower maxTemp mcp message messaging messagingEvents minCurrent minSoC minSoc minSocNotReached
    minTemp modbusproxy mode mqtt msg name network ocpp ocppforwarder odometer offeredCurrent onIdentify optimizer
    optimizerChargingStrategies optimizerChargingStrategy org parent password phaseAction phaseRemaining phases
    phasesActive phasesConfigured phasesEnabled plan planActive planDetails planEnergy planner planOverrun
    planoverrun planProjectedEnd planProjectedStart plans planSoc planStrategy planTime port power powers
    precondition priority prioritySoC prioritySoc private public pv pvAction pvConfigured pvEnergy pvPower
    pvRemaining pvTimer qR qr range readOnly readonly releaseNotes remote remoteDisabled remoteDisabledSource
    repeatingPlans residualPower returnEnergy rtu savings scale schema sessionCo2PerKWh sessionEnergy sessionPrice
    sessionPricePerKWh sessionSolarPercentage settings setupRequired shipID shipid shm siteTitle ski smartCostActive
    smartCostAvailable smartCostLimit smartCostNextStart smartCostType smartFeedInPriorityActive
    smartFeedInPriorityAvailable smartFeedInPriorityLimit smartFeedInPriorityNextStart soc socCharge solar
    solarAdjusted solarPercentage solarShare sponsor start startupCompleted stationId stations statistics status
    stop suggestion system targetEnergy targetSoC targetSoc targetTime targetTimeActive targetTimeHourSuggestion
    targetTimeProjectedStart tariffCo2 tariffCo2Home tariffCo2Loadpoints tariffEffectiveCo2 tariffEffectivePrice
    tariffFeedIn tariffGrid tariffPriceHome tariffPriceLoadpoints tariffs tariffSolar tariffTemperature telemetry
    temperature thisYear time timeseries timezone title today todayEnergy token tomorrow topic total tz ui
    uploadMessage uploadProgress upstreamConnected upstreamStationId upstreamUrl uri url user username value
    vehicleApi vehicleCapacity vehicleClimaterActive vehicleDetectionActive vehicleFeatureOffline vehicleIcon
    vehicleIdentity vehicleLimitSoc vehicleMinSoc vehicleName vehicleOdometer vehiclePresent vehicleRange vehicles
    vehicleSoC vehicleSoc vehicleTargetSoC vehicleTargetSoc vehicleTargetTime vehicleTitle vehicleWelcomeActive
    vendorId version voltages weekdays yamlSource yield
    """
)
