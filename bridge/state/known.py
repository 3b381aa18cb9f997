"""The words that evcc's own MQTT tree is made of, today's and those of releases since 2021.

A leaf whose words are all here was evcc's, and may be erased when evcc has it no longer; anything else below
the root is somebody's own.
"""


def words(text: str) -> frozenset[str]:
    """A table of words, written as text."""
    return frozenset(text.split())


KEYS: dict[str, frozenset[str]] = {
    "site": words("""
            apiReady aux auxPower availableVersion battery batteryCapacity batteryConfigured batteryDischargeControl
            batteryEnergy batteryGridChargeActive batteryGridChargeLimit batteryGridDischarge batteryMode
            batteryModeExternal batteryPower batterySoC batterySoc bufferSoc bufferSoC bufferStartSoc bufferStartSoC
            circuits currency experimental ext fatal forecast greenShareHome greenShareLoadpoints grid gridConfigured
            gridCurrents gridEnergy gridExportLimit gridPower gridPowers hasUpdater hems homePower interval optimizer
            optimizerChargingStrategies optimizerChargingStrategy prioritySoc prioritySoC pv pvConfigured pvEnergy
            pvPower residualPower savings setupRequired siteTitle smartCostActive smartCostAvailable smartCostLimit
            smartCostType smartFeedInPriorityAvailable solarAdjusted startupCompleted statistics system tariffCo2
            tariffCo2Home tariffCo2Loadpoints tariffEffectiveCo2 tariffEffectivePrice tariffFeedIn tariffGrid
            tariffPriceHome tariffPriceLoadpoints tariffSolar tariffTemperature telemetry timezone uploadMessage
            uploadProgress vehicleApi version
        """)
    # configuration, which the bridge keeps back and evcc's own MQTT may have left behind
    | words("""
            auth authDisabled config database deviceColors eebus influx mcp messaging messagingEvents modbusproxy mqtt
            network ocpp ocppforwarder releaseNotes remote shm sponsor tariffs
        """),
    "loadpoints": words("""
            activePhases alwaysCharge batteryBoost batteryBoostLimit boost chargeConfigured chargeCurrent
            chargeCurrents chargedEnergy chargedPower chargeDuration chargeEstimate chargePower
            chargeRemainingDuration chargeRemainingEnergy chargerFeatureAutodetectDisabled chargerFeatureAverage
            chargerFeatureCacheable chargerFeatureClimaterDisabled chargerFeatureCoarseCurrent
            chargerFeatureContinuous chargerFeatureHeating chargerFeatureIntegratedDevice chargerFeatureOffline
            chargerFeatureRetryable chargerFeatureStreaming chargerFeatureSwitchDevice chargerFeatureWakeUpDisabled
            chargerFeatureWelcomeCharge chargerIcon chargerPhases1p3p chargerPhysicalPhases chargerSinglePhase
            chargerStatusReason chargeTotalImport chargeVoltages charging climater connected connectedDuration
            disableDelay disableThreshold effectiveLimitSoc effectiveMaxCurrent effectiveMinCurrent effectiveMinSoc
            effectivePlanId effectivePlanSoc effectivePlanStrategy effectivePlanTime effectivePriority enabled
            enableDelay enableThreshold guardAction guardRemaining hasVehicle last24hEnergy last7dEnergy limitEnergy
            limitSoc maxCurrent minCurrent minSoC minSoc minSocNotReached mode name offeredCurrent phaseAction
            phaseRemaining phases phasesActive phasesConfigured phasesEnabled plan planActive planDetails planEnergy
            planOverrun planProjectedEnd planProjectedStart planSoc planStrategy planTime priority pvAction
            pvRemaining pvTimer range remoteDisabled remoteDisabledSource sessionCo2PerKWh sessionEnergy sessionPrice
            sessionPricePerKWh sessionSolarPercentage smartCostActive smartCostLimit smartCostNextStart smartCostType
            smartFeedInPriorityActive smartFeedInPriorityLimit smartFeedInPriorityNextStart soc socCharge suggestion
            targetEnergy targetSoC targetSoc targetTime targetTimeActive targetTimeHourSuggestion
            targetTimeProjectedStart title todayEnergy ui vehicleCapacity vehicleClimaterActive vehicleDetectionActive
            vehicleFeatureOffline vehicleIcon vehicleIdentity vehicleLimitSoc vehicleMinSoc vehicleName
            vehicleOdometer vehiclePresent vehicleRange vehicles vehicleSoc vehicleSoC vehicleTargetSoC
            vehicleTargetSoc vehicleTargetTime vehicleTitle vehicleWelcomeActive
        """),
    "vehicles": words("""
            capacity features icon limitSoc maxCurrent minCurrent minSoc minSoC mode odometer onIdentify phases plan
            plans planStrategy priority range repeatingPlans title
        """),
}

LEAVES = words(
    """
    active activePhases alwaysCharge apiReady auth aux auxPower availableVersion avgCo2 avgPrice battery batteryBoost
    batteryBoostLimit batteryCapacity batteryConfigured batteryDischargeControl batteryEnergy batteryGridChargeActive
    batteryGridChargeLimit batteryGridDischarge batteryMode batteryModeExternal batteryPower batterySoC batterySoc
    boost broker bufferSoc bufferSoC bufferStartSoc bufferStartSoC capacity chargeConfigured chargeCurrent
    chargeCurrents chargedEnergy chargedKWh chargedPower chargeDuration chargeEstimate chargePower
    chargeRemainingDuration chargeRemainingEnergy chargerFeatureAutodetectDisabled chargerFeatureAverage
    chargerFeatureCacheable chargerFeatureClimaterDisabled chargerFeatureCoarseCurrent chargerFeatureContinuous
    chargerFeatureHeating chargerFeatureIntegratedDevice chargerFeatureOffline chargerFeatureRetryable
    chargerFeatureStreaming chargerFeatureSwitchDevice chargerFeatureWakeUpDisabled chargerFeatureWelcomeCharge
    chargerIcon chargerPhases1p3p chargerPhysicalPhases chargerSinglePhase chargerStatusReason chargeTotalImport
    chargeVoltages charging circuits class clientID climater co2 complete config configured connected
    connectedDuration continuous controllable currency current currents curtailed database device deviceColors devices
    dimmed disableDelay disableThreshold eebus effectiveLimitSoc effectiveMaxCurrent effectiveMinCurrent
    effectiveMinSoc effectivePlanId effectivePlanSoc effectivePlanStrategy effectivePlanTime effectivePriority enabled
    enableDelay enableThreshold energy error excessDCPower experimental ext fatal features feedIn forecast
    greenShareHome greenShareLoadpoints grid gridConfigured gridCurrents gridEnergy gridExportLimit gridPower
    gridPowers guardAction guardRemaining hasUpdater hasVehicle hems homePower icon influx insecure interval l1 l2 l3
    last24hEnergy last7dEnergy limitEnergy limitSoc loginBlocked maxCurrent maxPower maxTemp mcp messaging
    messagingEvents minCurrent minSoC minSoc minSocNotReached minTemp modbusproxy mode mqtt name network ocpp
    ocppforwarder odometer offeredCurrent onIdentify optimizer optimizerChargingStrategies optimizerChargingStrategy
    phaseAction phaseRemaining phases phasesActive phasesConfigured phasesEnabled plan planActive planDetails
    planEnergy planner planOverrun planProjectedEnd planProjectedStart plans planSoc planStrategy planTime port power
    powers precondition priority prioritySoc prioritySoC private public pv pvAction pvConfigured pvEnergy pvPower
    pvRemaining pvTimer qR range releaseNotes remote remoteDisabled remoteDisabledSource repeatingPlans residualPower
    returnEnergy savings scale sessionCo2PerKWh sessionEnergy sessionPrice sessionPricePerKWh sessionSolarPercentage
    setupRequired shipID shm siteTitle ski smartCostActive smartCostAvailable smartCostLimit smartCostNextStart
    smartCostType smartFeedInPriorityActive smartFeedInPriorityAvailable smartFeedInPriorityLimit
    smartFeedInPriorityNextStart soc socCharge solar solarAdjusted solarPercentage sponsor startupCompleted stations
    statistics status suggestion system targetEnergy targetSoC targetSoc targetTime targetTimeActive
    targetTimeHourSuggestion targetTimeProjectedStart tariffCo2 tariffCo2Home tariffCo2Loadpoints tariffEffectiveCo2
    tariffEffectivePrice tariffFeedIn tariffGrid tariffPriceHome tariffPriceLoadpoints tariffs tariffSolar
    tariffTemperature telemetry temperature time timeseries timezone title todayEnergy topic tz ui uploadMessage
    uploadProgress vehicleApi vehicleCapacity vehicleClimaterActive vehicleDetectionActive vehicleFeatureOffline
    vehicleIcon vehicleIdentity vehicleLimitSoc vehicleMinSoc vehicleName vehicleOdometer vehiclePresent vehicleRange
    vehicles vehicleSoC vehicleSoc vehicleTargetSoC vehicleTargetSoc vehicleTargetTime vehicleTitle
    vehicleWelcomeActive version voltages weekdays yamlSource yield
    """
)
